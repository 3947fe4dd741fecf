//! The program as a child process: watched, measured, killed.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::Context as _;
use tokio::process::Command;
use tokio::time::Instant;

/// What a process cost.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cost {
    /// CPU time, user and system.
    pub(super) cpu: Duration,
    /// From start to end.
    pub(super) wall: Duration,
    /// Most resident memory, in bytes.
    pub(super) peak: u64,
}

/// Pause between two looks at a process that is measured.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Clock ticks in a second in `/proc`, a constant of the kernel's interface on every architecture that this runs on.
const TICKS: u64 = 100;

/// A running process; it is killed when this is dropped.
pub(super) struct Child {
    child: tokio::process::Child,
    pid: u32,
    began: Instant,
    cost: Cost,
}

impl Child {
    pub(super) fn start(mut command: Command) -> anyhow::Result<Self> {
        let began = Instant::now();
        let child = command.kill_on_drop(true).spawn().context("start the program")?;
        let pid = child.id().context("a process that nobody has waited for has an id")?;
        Ok(Self { child, pid, began, cost: Cost { cpu: Duration::ZERO, wall: Duration::ZERO, peak: 0 } })
    }

    /// Looks at it. False once it has ended.
    pub(super) fn look(&mut self) -> anyhow::Result<bool> {
        if let Some(peak) = fs::read_to_string(format!("/proc/{}/status", self.pid)).ok().as_deref().and_then(peak_of) {
            self.cost.peak = self.cost.peak.max(peak);
        }
        let (state, cpu) = times(&self.pid.to_string())?;
        (self.cost.cpu, self.cost.wall) = (cpu, self.began.elapsed());
        // A process that has ended keeps its times until it is waited for.
        Ok(state != 'Z')
    }

    /// Waits for its end.
    pub(super) async fn end(mut self) -> anyhow::Result<(ExitStatus, Cost)> {
        while self.look()? {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok((self.child.wait().await?, self.cost))
    }

    /// Kills it with SIGKILL. False when it had ended before.
    pub(super) async fn kill(mut self) -> anyhow::Result<bool> {
        self.child.start_kill().context("kill the program")?;
        Ok(self.child.wait().await?.signal().is_some())
    }
}

/// CPU time that this process itself has used.
pub(super) fn own_cpu() -> anyhow::Result<Duration> {
    Ok(times("self")?.1)
}

fn times(process: &str) -> anyhow::Result<(char, Duration)> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).context("read a process's times")?;
    times_of(&stat).context("the kernel words /proc/<pid>/stat in another way")
}

fn peak_of(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

/// State and CPU time. Source: proc(5), `/proc/pid/stat`: fields 3, 14 and 15, counted from behind the name, which may hold anything.
fn times_of(stat: &str) -> Option<(char, Duration)> {
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    let state = fields.next()?.chars().next()?;
    let ticks = fields.nth(10)?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    Some((state, Duration::from_millis(ticks * 1000 / TICKS)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Child {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Child::start(command).unwrap()
    }

    #[test]
    fn reads_what_the_kernel_says() {
        let stat = "12 (a) b) Z 1 12 12 0 -1 4194304 1 0 0 0 150 25 0 0 20 0 1 0 5 0 0";
        assert_eq!(times_of(stat), Some(('Z', Duration::from_millis(1750))));
        assert_eq!(peak_of("VmPeak:\t 9 kB\nVmHWM:\t    2048 kB\n"), Some(2 << 20));
    }

    #[tokio::test]
    async fn a_process_is_measured_or_killed() {
        let (status, cost) = shell("i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; exit 3").end().await.unwrap();
        assert_eq!(status.code(), Some(3));
        assert!(cost.cpu > Duration::ZERO && cost.peak > 100_000, "{cost:?}");
        assert!(shell("sleep 60").kill().await.unwrap());
        let mut ended = shell("exit 0");
        while ended.look().unwrap() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        assert!(!ended.kill().await.unwrap());
    }
}
