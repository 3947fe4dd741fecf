use serde_json::value::RawValue;

use super::*;

const DEEPEST: u32 = 100;

/// Values, two blanks apart.
const VALUES: [&str; 6] = [
    "0  -0  7  -12.50e+10  1E5  0.1e-9  1e999  true  false  null",
    "1234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890.5",
    r#"""  "a"  "\""  "\\"  "\\\"\\\\"  "\/\b\f\n\r\t"  "\u00e9\uD83D\uDE00"  "\ud800"  "{[:,]}""#,
    "\"é€😀\"  \"\u{7f}\"  \"a b\"",
    r#"{}  []  [1,2]  [{},[]]  {"a":[true,{"b":null}],"c":""}"#,
    r#" 1  [ 1 , 2 ]  { "a" : 1 , "b" : [ ] }"#,
];

/// No values, two blanks apart.
const BROKEN: [&str; 7] = [
    "  01  1.  .5  -  +1  1e  1e+  1.e5  0x1  tru  truee  True  nul  NaN  1 2  1true  true1  é  \u{feff}1",
    r#""a" "b"  "a"1  1"a"  {}1  []1  1\  \"a""#,
    r#""  "a  "\"  "\x"  "\u12g4"  "\u123"  "\u""#,
    "\"a\tb\"  \"a\u{0}\"",
    "{  }  [  ]  [1,]  [,1]  [1 2]  [1:2]  [}  {]  [1}",
    r#"{,}  {"a"}  {"a":}  {"a":1,}  {"a" 1}  {1:2}  {"a":1:2}  {"a":1]"#,
    "1}  1,  1,2  :  ,",
];

/// No object, two blanks apart.
const OTHER: [&str; 2] =
    [r#"  1  []  "a"  null  {}{}  {} {}  {},  x{}"#, r#"{}x  {"a":1}}  {"a":{}  {}"  {}\  {"a":"b"#];

fn each(texts: &[&'static str]) -> impl Iterator<Item = &'static str> {
    texts.iter().flat_map(|texts| texts.split("  ")).collect::<Vec<_>>().into_iter()
}

/// The strict parser's verdict. It knows no limit to nesting, so the texts here stay below it.
fn strict(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    line.starts_with(b"{") && serde_json::from_slice::<&RawValue>(line).is_ok()
}

#[test]
fn tells_values_from_what_is_none_wherever_they_stand_in_a_block() {
    for (texts, wanted) in [(VALUES.as_slice(), true), (&BROKEN, false)] {
        for (text, shift) in each(texts).flat_map(|text| (0..2 * BLOCK).map(move |shift| (text, shift))) {
            let line = format!("{{\"{}\":{text}}}", "k".repeat(shift));
            assert_eq!(strict(line.as_bytes()), wanted, "the oracle: {line}");
            assert_eq!(is_object(line.as_bytes(), DEEPEST), wanted, "{line}");
        }
    }
    each(&OTHER).for_each(|line| assert!(!is_object(line.as_bytes(), DEEPEST), "{line}"));
}

#[test]
fn refuses_what_is_not_utf8() {
    for broken in [b"\xff".as_slice(), b"\xc3", b"\xe2\x82", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf5\x80\x80\x80"] {
        assert!(!is_object(&[b"{\"a\":\"", broken, b"\"}"].concat(), DEEPEST), "{broken:?}");
    }
}

#[test]
fn other_white_space_is_left_to_the_strict_parser() {
    for line in ["{\t}", "{\"a\":\r1}", "\t{}", "{}\t"] {
        assert!(strict(line.as_bytes()) && !is_object(line.as_bytes(), DEEPEST), "{line:?}");
    }
}

#[test]
fn nesting_is_counted_and_bounded() {
    for (open, close) in [("{\"a\":", "}"), ("[", "]")] {
        let nested = |levels: usize| format!("{{\"a\":{}1{}}}", open.repeat(levels - 1), close.repeat(levels - 1));
        for (levels, deepest, wanted) in [
            (100, 100, true),
            (101, 100, false),
            (128, 128, true),
            (129, 128, false),
            (1, 1, true),
            (100_000, 128, false),
        ] {
            assert_eq!(is_object(nested(levels).as_bytes(), deepest), wanted, "{levels} {open}");
        }
    }
}

#[test]
fn agrees_with_the_strict_parser_on_rows_with_random_damage() {
    let pieces = r#""  \  {  }  [  ]  :  ,  0  -  e  .  t  true   \"  \u  é  "a":1,  [1,2]  {"b":"\\"}  abcdefghijklmnopqrstuvwxyz0123456789"#;
    let pieces: Vec<&str> = pieces.split("  ").collect();
    let row = r#"{"TimeGenerated":"2026-11-25T08:00:00.1234567Z","Computer":"WÄS-01","Path":"C:\\Program Files\\a\u0027b\\\"","Level":0,"Ratio":-1.5e-3,"Ok":true,"No":null,"Tags":["a",{"b":[]},[[1]]],"Text":"{\"x\":[1,2],\"y\":\"\\\\\"}","Type":"SecurityEvent"}"#;
    let (seed, mut taken) = (7, 0);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    for _ in 0..300_000 {
        let mut line = row.as_bytes().to_vec();
        for _ in 0..random.usize(1..4) {
            let at = random.usize(..line.len());
            let to = line.len().min(at + random.usize(..4));
            match random.usize(..4) {
                0 => drop(line.drain(at..to)),
                1 => line[at] = random.u8(..),
                2 => drop(line.splice(at..to, random.choice(&pieces).expect("some").bytes())),
                _ => drop(line.splice(at..at, line[at..to].to_vec())),
            }
        }
        // What the filter leaves to the strict parser anyway.
        if line.iter().any(|byte| byte.is_ascii_control() && *byte != 0x7f) {
            continue;
        }
        assert_eq!(is_object(&line, DEEPEST), strict(&line), "{}", String::from_utf8_lossy(&line));
        taken += u32::from(strict(&line));
    }
    assert!(taken > 10_000, "the damage leaves enough of them whole: {taken}");
}
