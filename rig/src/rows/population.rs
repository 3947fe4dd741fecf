//! The people, machines and programs of an invented organisation. Each is derived from its number, so nothing is kept in memory, and
//! whatever belongs together (a user's name, address and SID) stays together in all tables.

use super::text::{decimal, escaped, guid, hash, hex, mix, padded};

pub(super) const USERS: u64 = 6000;
pub(super) const DEVICES: u64 = 2500;
pub(super) const ADDRESSES: u64 = 20_000;
pub(super) const PROGRAMS: u64 = 1200;
pub(super) const APPS: u64 = 40;

/// First names: as displayed, and as they are in a login.
const GIVEN: &[(&str, &str)] = &[
    ("Anna", "anna"),
    ("Jürgen", "juergen"),
    ("Siobhán", "siobhan"),
    ("Łukasz", "lukasz"),
    ("Chloé", "chloe"),
    ("Mehmet", "mehmet"),
    ("Νίκος", "nikos"),
    ("Ольга", "olga"),
    ("健太", "kenta"),
    ("Fatima", "fatima"),
    ("Søren", "soeren"),
    ("Maria", "maria"),
    ("Tom", "tom"),
    ("Inês", "ines"),
    ("David", "david"),
    ("Zoë", "zoe"),
];
/// Family names: as displayed, and as they are in a login.
const FAMILY: &[(&str, &str)] = &[
    ("Müller", "mueller"),
    ("O'Neill", "oneill"),
    ("D'Angelo", "dangelo"),
    ("Nowak", "nowak"),
    ("Østergård", "oestergaard"),
    ("Yılmaz", "yilmaz"),
    ("Schmidt", "schmidt"),
    ("García", "garcia"),
    ("Novák", "novak"),
    ("Petrova", "petrova"),
    ("佐藤", "sato"),
    ("Weiß", "weiss"),
    ("Lindqvist", "lindqvist"),
    ("Silva", "silva"),
    ("Jones", "jones"),
    ("Nguyễn", "nguyen"),
    ("Rossi", "rossi"),
    ("Kovács", "kovacs"),
    ("Bauer", "bauer"),
    ("Le Goff", "legoff"),
];
const FOLDERS: &[&str] = &[
    r"C:\Windows\System32\",
    r"C:\Program Files\Nordwind\Agent\",
    r"C:\Program Files (x86)\Microsoft\EdgeUpdate\",
    r"C:\Windows\Microsoft.NET\Framework64\v4.0.30319\",
    r"C:\Users\Öffentlich\AppData\Local\Temp\",
    r"\\srv-file-01\Freigabe$\tools\",
];
const PROGRAM_NAMES: &[&str] = &[
    "svchost",
    "powershell",
    "cmd",
    "msedge",
    "teams",
    "conhost",
    "rundll32",
    "wmiprvse",
    "update",
    "agent",
    "csc",
    "setup",
];
const APP_NAMES: &[&str] = &[
    "Microsoft Teams",
    "Office 365 Exchange Online",
    "Azure Portal",
    "Microsoft Edge",
    "OneDrive SyncEngine",
    "Nordwind Zeiterfassung",
    "Windows Sign In",
    "Outlook Mobile",
];
const CITIES: &[&str] = &["München", "Nürnberg", "Würzburg", "Augsburg", "Saint-Étienne", "L'Aquila", "Kraków", "Wien"];

/// What can be said of a population's member, as named in the templates (`user.upn`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fact {
    UserName,
    UserLogin,
    UserUpn,
    UserAccount,
    UserId,
    UserSid,
    DeviceName,
    DeviceFqdn,
    DeviceGuid,
    DeviceId,
    DeviceIp,
    DeviceOs,
    DeviceResource,
    ProgramPath,
    ProgramName,
    ProgramMd5,
    ProgramSha1,
    ProgramSha256,
    AppName,
    AppId,
    City,
    Address,
}

impl Fact {
    /// Appends the fact about member number `member`, escaped `depth` times.
    pub(super) fn write(self, out: &mut Vec<u8>, member: u64, depth: u8) {
        match self {
            Fact::UserName => {
                escaped(out, pick(GIVEN, member).0, depth);
                out.push(b' ');
                escaped(out, pick(FAMILY, member / 16).0, depth);
            }
            Fact::UserLogin => login(out, member),
            Fact::UserUpn => {
                login(out, member);
                out.extend_from_slice(b"@nordwind.example");
            }
            Fact::UserAccount => {
                escaped(out, r"NORDWIND\", depth);
                login(out, member);
            }
            Fact::UserId => id(out, "user", member),
            Fact::UserSid => {
                out.extend_from_slice(b"S-1-5-21-2490359158-139716750-3780420524-");
                decimal(out, 1100 + member);
            }
            Fact::DeviceName | Fact::DeviceFqdn | Fact::DeviceGuid | Fact::DeviceId | Fact::DeviceIp => {
                self.write_device(out, member);
            }
            Fact::DeviceOs => {
                out.extend_from_slice(pick(&["Windows11", "Windows10", "Ios 18.1"], member / 3).as_bytes())
            }
            Fact::DeviceResource => {
                out.extend_from_slice(
                    b"/subscriptions/6a1d5c5e-9c0e-4f3a-8b6f-0d9a7f2b1c11/resourcegroups/rg-vm/providers/microsoft.compute/virtualmachines/",
                );
                Fact::DeviceName.write(out, member, depth);
            }
            Fact::ProgramPath => {
                escaped(out, pick(FOLDERS, member), depth);
                Fact::ProgramName.write(out, member, depth);
            }
            Fact::ProgramName => {
                out.extend_from_slice(pick(PROGRAM_NAMES, member / 6).as_bytes());
                decimal(out, member / 72);
                out.extend_from_slice(b".exe");
            }
            Fact::ProgramMd5 => digest(out, "md5", member, 32),
            Fact::ProgramSha1 => digest(out, "sha1", member, 40),
            Fact::ProgramSha256 => digest(out, "sha256", member, 64),
            Fact::AppName => escaped(out, pick(APP_NAMES, member), depth),
            Fact::AppId => id(out, "app", member),
            Fact::City => escaped(out, pick(CITIES, member), depth),
            Fact::Address => address(out, mix(member)),
        }
    }

    fn write_device(self, out: &mut Vec<u8>, member: u64) {
        match self {
            Fact::DeviceGuid => id(out, "device", member),
            Fact::DeviceId => digest(out, "device", member, 40),
            Fact::DeviceIp => address(out, 10 << 24 | (member + 1)),
            _ => {
                out.extend_from_slice(pick(&["wks-", "srv-", "nb-"], member).as_bytes());
                padded::<5>(out, member * 7);
                if self == Fact::DeviceFqdn {
                    out.extend_from_slice(b".ad.nordwind.example");
                }
            }
        }
    }
}

fn login(out: &mut Vec<u8>, member: u64) {
    out.extend_from_slice(pick(GIVEN, member).1.as_bytes());
    out.push(b'.');
    out.extend_from_slice(pick(FAMILY, member / 16).1.as_bytes());
    decimal(out, member / 320);
}

fn id(out: &mut Vec<u8>, kind: &str, member: u64) {
    let high = mix(hash(kind) ^ member);
    guid(out, high, mix(high));
}

fn digest(out: &mut Vec<u8>, kind: &str, member: u64, digits: usize) {
    let mut part = mix(hash(kind) ^ member);
    for done in (0..digits).step_by(16) {
        hex(out, part, digits - done);
        part = mix(part);
    }
}

fn address(out: &mut Vec<u8>, value: u64) {
    for shift in [24, 16, 8, 0] {
        decimal(out, value >> shift & 255);
        if shift > 0 {
            out.push(b'.');
        }
    }
}

fn pick<T: Copy>(list: &[T], number: u64) -> T {
    let length = u64::try_from(list.len()).expect("a list is shorter than 2^64");
    list[usize::try_from(number % length).expect("an index into a list fits")]
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn write(fact: Fact, member: u64, depth: u8) -> String {
        let mut out = Vec::new();
        fact.write(&mut out, member, depth);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn members_differ_and_are_always_the_same() {
        for (fact, members) in [
            (Fact::UserUpn, USERS),
            (Fact::UserId, USERS),
            (Fact::DeviceFqdn, DEVICES),
            (Fact::DeviceIp, DEVICES),
            (Fact::ProgramPath, PROGRAMS),
            (Fact::ProgramSha256, PROGRAMS),
        ] {
            let all: HashSet<String> = (0..members).map(|member| write(fact, member, 0)).collect();
            assert_eq!(all.len() as u64, members, "{fact:?}");
        }
        assert_eq!(write(Fact::UserUpn, 17, 1), "juergen.oneill0@nordwind.example");
        assert_eq!(write(Fact::UserName, 17, 1), r"Jürgen O\u0027Neill");
        assert_eq!(write(Fact::ProgramPath, 0, 2), r"C:\\\\Windows\\\\System32\\\\svchost0.exe");
        assert_eq!(write(Fact::ProgramSha256, 3, 1).len(), 64);
    }
}
