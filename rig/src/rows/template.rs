//! The language of the row templates: JSON text with `${...}` where a value changes from row to row.
//!
//! | written | becomes |
//! |---|---|
//! | `${item}` | the row's own GUID, never the same for two rows of a table |
//! | `${guid}`, `${hex 12}`, `${int 1 900}` | a random GUID, hexadecimal digits, number |
//! | `${time}`, `${time-3000}`, `${time+9000}` | the row's time, or up to so many milliseconds before or after it |
//! | `${type}`, `${workspace}`, `${workspace.path}`, `${directory}` | the table's name, the workspace's GUID and path, the tenant |
//! | `${pick a\|b\|c}` | one of the texts |
//! | `${maybe 70}...${end}` | the part between, in 70 of 100 rows (a column without a value is left out) |
//! | `${user.upn}`, `${device.name}`, `${ip}`, ... | a fact about the row's user, device, program; see [`Fact`] |
//!
//! An exclamation mark, `${user.name!}`, escapes once more, for JSON text inside a JSON string.

use fastrand::Rng;
use time::{Duration, OffsetDateTime};

use super::population::{ADDRESSES, APPS, DEVICES, Fact, PROGRAMS, USERS};
use super::text::{decimal, guid, hex, timestamp};

/// Which of the row's members a fact is about.
#[derive(Debug, Clone, Copy)]
enum Of {
    User,
    Device,
    Program,
    Parent,
    App,
    /// Another address each time.
    Any,
}

#[derive(Debug)]
enum Piece {
    Text(&'static str),
    Item,
    Guid,
    Hex(usize),
    Int(u64, u64),
    /// Milliseconds before and after the row's time.
    Time(u64, u64),
    Type,
    Pick(Vec<&'static str>),
    /// Percent of rows that have the part, and the piece to go on with in the others.
    Maybe(u64, usize),
    Fact(Of, Fact, u8),
}

/// A parsed row template.
#[derive(Debug)]
pub(super) struct Template(Vec<Piece>);

/// What one row is made of.
pub(super) struct Row<'a> {
    pub(super) table: &'a str,
    pub(super) time: OffsetDateTime,
    /// The two halves of the row's own GUID.
    pub(super) item: (u64, u64),
}

impl Template {
    /// Parses one line of a template file. The files are part of the program: a mistake in one is a panic that names it.
    pub(super) fn parse(line: &'static str) -> Self {
        let mut pieces = Vec::new();
        let mut open = None;
        let mut rest = line;
        while let Some((text, after)) = rest.split_once("${") {
            pieces.push(Piece::Text(text));
            let (inner, after) = after.split_once('}').expect("a template's ${ has its }");
            rest = after;
            match (inner.split_once(' '), open) {
                (Some(("maybe", percent)), None) => {
                    open = Some(pieces.len());
                    pieces.push(Piece::Maybe(number(percent), 0));
                }
                (None, Some(at)) if inner == "end" => {
                    let end = pieces.len();
                    if let Piece::Maybe(_, to) = &mut pieces[at] {
                        *to = end;
                    }
                    open = None;
                }
                _ => pieces.push(piece(inner)),
            }
        }
        assert!(open.is_none(), "a template's maybe has its end");
        pieces.push(Piece::Text(rest));
        Template(pieces)
    }

    /// Appends a row, without a newline.
    pub(super) fn write(&self, row: &Row<'_>, rng: &mut Rng, out: &mut Vec<u8>) {
        let members = Members::choose(rng);
        let mut at = 0;
        while let Some(piece) = self.0.get(at) {
            at += 1;
            match piece {
                Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
                Piece::Item => guid(out, row.item.0, row.item.1),
                Piece::Guid => guid(out, rng.u64(..), rng.u64(..)),
                Piece::Hex(digits) => {
                    for done in (0..*digits).step_by(16) {
                        hex(out, rng.u64(..), digits - done);
                    }
                }
                Piece::Int(low, high) => decimal(out, rng.u64(*low..=*high)),
                Piece::Time(0, 0) => timestamp(out, row.time),
                Piece::Time(before, after) => {
                    // In ticks of 100 nanoseconds, the unit of the seven digits.
                    let ticks = i64::try_from(rng.u64(0..(before + after) * 10_000))
                        .expect("a template's spans are days at most");
                    let sign = if *after > 0 { 1 } else { -1 };
                    timestamp(out, row.time + Duration::nanoseconds(sign * ticks * 100));
                }
                Piece::Type => out.extend_from_slice(row.table.as_bytes()),
                Piece::Pick(texts) => out.extend_from_slice(texts[rng.usize(..texts.len())].as_bytes()),
                Piece::Maybe(percent, to) => {
                    if rng.u64(..100) >= *percent {
                        at = *to;
                    }
                }
                Piece::Fact(of, fact, depth) => fact.write(out, members.of(*of, rng), *depth),
            }
        }
    }
}

/// The members of the populations that one row is about.
struct Members {
    user: u64,
    device: u64,
    program: u64,
    parent: u64,
    app: u64,
}

impl Members {
    fn choose(rng: &mut Rng) -> Self {
        Members {
            user: skewed(rng, USERS),
            device: skewed(rng, DEVICES),
            program: skewed(rng, PROGRAMS),
            parent: skewed(rng, PROGRAMS / 8),
            app: skewed(rng, APPS),
        }
    }

    fn of(&self, of: Of, rng: &mut Rng) -> u64 {
        match of {
            Of::User => self.user,
            Of::Device => self.device,
            Of::Program => self.program,
            Of::Parent => self.parent,
            Of::App => self.app,
            Of::Any => skewed(rng, ADDRESSES),
        }
    }
}

/// A number below `count`, small ones much more often: in logs, a few users and machines cause most rows.
pub(super) fn skewed(rng: &mut Rng, count: u64) -> u64 {
    let limit = rng.u64(1..=count);
    let limit = rng.u64(1..=limit);
    rng.u64(..limit)
}

fn number(text: &str) -> u64 {
    text.parse().expect("a template's numbers are decimal")
}

fn piece(inner: &'static str) -> Piece {
    let (name, arguments) = inner.split_once(' ').unwrap_or((inner, ""));
    let (name, depth) = name.strip_suffix('!').map_or((name, 1), |name| (name, 2));
    match name {
        "item" => Piece::Item,
        "guid" => Piece::Guid,
        "type" => Piece::Type,
        "time" => Piece::Time(0, 0),
        "workspace" => Piece::Text(super::WORKSPACE_ID),
        "workspace.path" => Piece::Text(super::WORKSPACE_PATH),
        "directory" => Piece::Text(super::DIRECTORY_ID),
        "pick" => Piece::Pick(arguments.split('|').collect()),
        "hex" => Piece::Hex(usize::try_from(number(arguments)).expect("a count of digits is small")),
        "int" => {
            let (low, high) = arguments.split_once(' ').expect("int has two bounds");
            Piece::Int(number(low), number(high))
        }
        _ if name.starts_with("time-") => Piece::Time(number(&name[5..]), 0),
        _ if name.starts_with("time+") => Piece::Time(0, number(&name[5..])),
        _ => {
            let (of, fact) = fact(name).unwrap_or_else(|| panic!("a template names {name:?}, which does not exist"));
            Piece::Fact(of, fact, depth)
        }
    }
}

fn fact(name: &str) -> Option<(Of, Fact)> {
    Some(match name {
        "ip" => (Of::Any, Fact::Address),
        "city" => (Of::User, Fact::City),
        "user.name" => (Of::User, Fact::UserName),
        "user.login" => (Of::User, Fact::UserLogin),
        "user.upn" => (Of::User, Fact::UserUpn),
        "user.account" => (Of::User, Fact::UserAccount),
        "user.id" => (Of::User, Fact::UserId),
        "user.sid" => (Of::User, Fact::UserSid),
        "device.name" => (Of::Device, Fact::DeviceName),
        "device.fqdn" => (Of::Device, Fact::DeviceFqdn),
        "device.guid" => (Of::Device, Fact::DeviceGuid),
        "device.id" => (Of::Device, Fact::DeviceId),
        "device.ip" => (Of::Device, Fact::DeviceIp),
        "device.os" => (Of::Device, Fact::DeviceOs),
        "device.resource" => (Of::Device, Fact::DeviceResource),
        "process.path" => (Of::Program, Fact::ProgramPath),
        "process.name" => (Of::Program, Fact::ProgramName),
        "process.md5" => (Of::Program, Fact::ProgramMd5),
        "process.sha1" => (Of::Program, Fact::ProgramSha1),
        "process.sha256" => (Of::Program, Fact::ProgramSha256),
        "parent.path" => (Of::Parent, Fact::ProgramPath),
        "parent.name" => (Of::Parent, Fact::ProgramName),
        "parent.md5" => (Of::Parent, Fact::ProgramMd5),
        "parent.sha1" => (Of::Parent, Fact::ProgramSha1),
        "parent.sha256" => (Of::Parent, Fact::ProgramSha256),
        "app.name" => (Of::App, Fact::AppName),
        "app.id" => (Of::App, Fact::AppId),
        _ => return None,
    })
}
