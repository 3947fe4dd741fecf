//! What a process costs: its CPU time, its peak memory, and how long it took.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

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

/// Clock ticks in a second in `/proc`, a constant of the kernel's interface on every architecture that this runs on.
const TICKS: u64 = 100;

/// Runs a command to its end.
///
/// # Errors
/// It cannot be started, or does not succeed.
pub(super) fn run(mut command: Command) -> anyhow::Result<Cost> {
    let began = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().context("start the process")?;
    let folder = format!("/proc/{}", child.id());
    let (mut peak, mut ended) = (0, None);
    let cpu = loop {
        if let Some(now) = fs::read_to_string(format!("{folder}/status")).ok().as_deref().and_then(peak_of) {
            peak = peak.max(now);
        }
        let stat = fs::read_to_string(format!("{folder}/stat")).context("read the process's times")?;
        let (state, cpu) = times_of(&stat).context("the kernel words /proc/<pid>/stat in another way")?;
        // A process that has ended keeps its times until it is waited for.
        if state == 'Z' {
            ended.get_or_insert(began.elapsed());
            break cpu;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let status = child.wait()?;
    if !status.success() {
        bail!("{:?} ended with {status}", command.get_program());
    }
    Ok(Cost { cpu, wall: ended.unwrap_or_else(|| began.elapsed()), peak })
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

    #[test]
    fn reads_what_the_kernel_says() {
        let stat = "12 (a) b) Z 1 12 12 0 -1 4194304 1 0 0 0 150 25 0 0 20 0 1 0 5 0 0";
        assert_eq!(times_of(stat), Some(('Z', Duration::from_millis(1750))));
        assert_eq!(peak_of("VmPeak:\t 9 kB\nVmHWM:\t    2048 kB\n"), Some(2 << 20));
    }

    #[test]
    fn measures_a_process() {
        let mut command = Command::new("sh");
        command.args(["-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"]);
        let cost = run(command).unwrap();
        assert!(cost.cpu > Duration::ZERO && cost.peak > 100_000, "{cost:?}");
        let mut command = Command::new("sh");
        command.args(["-c", "exit 3"]);
        assert!(run(command).is_err());
    }
}
