//! Writes the pieces of a row (numbers, GUIDs, times, escaped text) straight into a byte buffer.
//!
//! Formatting through `std::fmt` would cost more than everything else in a row together; rows must be made faster than the program
//! under test moves them.

use time::OffsetDateTime;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// A good 64-bit mixing function (splitmix64's finalizer). It is a bijection: different inputs give different outputs.
pub(super) fn mix(value: u64) -> u64 {
    let z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A 64-bit hash of a name, the same on every machine (FNV-1a).
pub(super) fn hash(name: &str) -> u64 {
    mix(name.bytes().fold(0xCBF2_9CE4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01B3)))
}

/// Appends `value` in decimal.
pub(super) fn decimal(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + low_byte(value % 10);
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Appends the last `N` decimal digits of `value`, with leading zeros.
pub(super) fn padded<const N: usize>(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [b'0'; N];
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + low_byte(value % 10);
        value /= 10;
    }
    out.extend_from_slice(&digits);
}

/// Appends the `count` (at most 16) highest hexadecimal digits of `value`.
pub(super) fn hex(out: &mut Vec<u8>, value: u64, count: usize) {
    let mut digits = [0; 16];
    for (place, digit) in digits.iter_mut().enumerate() {
        *digit = HEX[usize::from(low_byte(value >> (60 - 4 * place)) & 15)];
    }
    out.extend_from_slice(&digits[..count.min(16)]);
}

/// Appends a GUID of the two halves, in lower case without braces.
pub(super) fn guid(out: &mut Vec<u8>, high: u64, low: u64) {
    hex(out, high, 8);
    out.push(b'-');
    hex(out, high << 32, 4);
    out.push(b'-');
    hex(out, high << 48, 4);
    out.push(b'-');
    hex(out, low, 4);
    out.push(b'-');
    hex(out, low << 16, 12);
}

/// Appends `time` as Azure Monitor writes it: UTC with seven fraction digits, `2026-11-25T08:05:00.1234567Z`.
pub(super) fn timestamp(out: &mut Vec<u8>, time: OffsetDateTime) {
    let (date, clock) = (time.date(), time.time());
    padded::<4>(out, u64::from(date.year().unsigned_abs()));
    out.push(b'-');
    padded::<2>(out, u64::from(u8::from(date.month())));
    out.push(b'-');
    padded::<2>(out, u64::from(date.day()));
    for (mark, part) in [(b'T', clock.hour()), (b':', clock.minute()), (b':', clock.second())] {
        out.push(mark);
        padded::<2>(out, u64::from(part));
    }
    out.push(b'.');
    padded::<7>(out, u64::from(clock.nanosecond() / 100));
    out.push(b'Z');
}

/// Appends `text` as the inside of a JSON string, escaped `depth` times: once in a row, twice in JSON text within a row.
/// The apostrophe is escaped as well, as Microsoft's serialisers do.
pub(super) fn escaped(out: &mut Vec<u8>, text: &str, depth: u8) {
    for &byte in text.as_bytes() {
        escaped_byte(out, byte, depth);
    }
}

fn escaped_byte(out: &mut Vec<u8>, byte: u8, depth: u8) {
    match (byte, depth) {
        (b'"' | b'\\', 1..) => {
            escaped_byte(out, b'\\', depth - 1);
            escaped_byte(out, byte, depth - 1);
        }
        (b'\'', 1..) => {
            escaped_byte(out, b'\\', depth - 1);
            out.extend_from_slice(b"u0027");
        }
        _ => out.push(byte),
    }
}

fn low_byte(value: u64) -> u8 {
    value.to_le_bytes()[0]
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn check(write: impl FnOnce(&mut Vec<u8>), expected: &str) {
        let mut out = Vec::new();
        write(&mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn pieces_are_written_as_azure_monitor_writes_them() {
        check(|out| decimal(out, 0), "0");
        check(|out| decimal(out, u64::MAX), "18446744073709551615");
        check(|out| padded::<3>(out, 7), "007");
        check(|out| hex(out, 0x0123_4567_89AB_CDEF, 6), "012345");
        check(|out| guid(out, 0x0123_4567_89AB_CDEF, 0xFEDC_BA98_7654_3210), "01234567-89ab-cdef-fedc-ba9876543210");
        check(|out| timestamp(out, datetime!(2026-01-02 03:04:05.000_012_3 UTC)), "2026-01-02T03:04:05.0000123Z");
        check(|out| escaped(out, r#"C:\a "b" d'e"#, 0), r#"C:\a "b" d'e"#);
        check(|out| escaped(out, r#"C:\a "b" d'e"#, 1), r#"C:\\a \"b\" d\u0027e"#);
        check(|out| escaped(out, r"C:\a d'e", 2), r"C:\\\\a d\\u0027e");
    }
}
