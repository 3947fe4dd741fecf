//! One JSON object or not, at memory speed: a look at 64 bytes at a time instead of a walk from byte to byte. Pure, and safe Rust.
//!
//! It is a filter in front of the strict parser, never in place of it: what it takes is an object by RFC 8259 in UTF-8, nested at most so deep; what it
//! does not take may still be one (it knows no white space but the blank), and the strict parser decides and says where it is broken. The fuzz target
//! `row` holds both against each other.
//!
//! The method is that of simdjson (Langdale and Lemire, "Parsing Gigabytes of JSON per Second", 2019): compare a block with the few characters that mean
//! something, turn each comparison into a word of 64 bits, and tell with arithmetic on such words what is escaped and what is inside a string. What is
//! left, a sixth of a row, are the tokens, and a table that says which may follow which.

use wide::u8x16;

const BLOCK: usize = 64;

/// True only for one JSON object (RFC 8259) in UTF-8, perhaps between blanks, that nests at most `deepest` levels, which is at most 128.
#[must_use]
pub fn is_object(line: &[u8], deepest: u32) -> bool {
    let (blocks, rest) = line.as_chunks::<BLOCK>();
    let mut scan = Scan::new(line, deepest);
    for (index, block) in blocks.iter().enumerate() {
        if !scan.block(block, index * BLOCK, u64::MAX) {
            return false;
        }
    }
    let mut last = [b' '; BLOCK];
    last[..rest.len()].copy_from_slice(rest);
    scan.block(&last, blocks.len() * BLOCK, (1 << rest.len()) - 1) && scan.is_done()
}

struct Scan<'a> {
    line: &'a [u8],
    /// All bits of a word: the next block begins inside a string.
    in_string: u64,
    /// One where the first byte of the next block is escaped.
    escaped: u64,
    /// Bytes from the start of the next block on that belong to a number or a name.
    in_scalar: usize,
    state: u8,
    /// A bit for each open container, the innermost lowest: one for an object.
    open: u128,
    depth: u32,
    deepest: u32,
    /// All bytes so far, laid over each other.
    all: u8x16,
    /// The least of them, place by place.
    least: u8x16,
}

impl<'a> Scan<'a> {
    fn new(line: &'a [u8], deepest: u32) -> Self {
        let (all, least) = (u8x16::ZERO, u8x16::splat(b' '));
        Self { line, in_string: 0, escaped: 0, in_scalar: 0, state: START, open: 0, depth: 0, deepest, all, least }
    }

    /// Whether the line ended where an object does; and what can be said of all bytes at once: no control characters, and UTF-8.
    fn is_done(&self) -> bool {
        self.state == DONE
            && self.least == u8x16::splat(b' ')
            && (self.all.to_bitmask() == 0 || std::str::from_utf8(self.line).is_ok())
    }

    /// Goes on with the block that stands at `at`; a bit in `valid` for each of its bytes that is one of the line. False where it is broken.
    #[inline(always)]
    fn block(&mut self, block: &[u8; BLOCK], at: usize, valid: u64) -> bool {
        let (quote, backslash) = self.look(block);
        let escaped = self.escaped(backslash);
        let quotes = quote & !escaped;
        // From an opening quote up to the byte before the closing one.
        let strings = prefix_xor(quotes) ^ self.in_string;
        self.in_string = 0_u64.wrapping_sub(strings >> 63);
        let mut escapes = escaped & strings & !(quote | backslash);
        while escapes != 0 {
            if !is_escape(self.line, at + escapes.trailing_zeros() as usize) {
                return false;
            }
            escapes &= escapes - 1;
        }
        // All but what is inside a string, and closing quotes.
        let mut tokens = !(strings ^ quotes) & valid & after(self.in_scalar);
        self.in_scalar = self.in_scalar.saturating_sub(BLOCK);
        while tokens != 0 {
            let index = tokens.trailing_zeros() as usize;
            tokens &= tokens - 1;
            let class = CLASS[block[index % BLOCK] as usize];
            let next = NEXT[self.state as usize][class as usize];
            if class < SCALAR {
                self.state = next;
            } else if next == BROKEN {
                return false;
            } else if class == SCALAR {
                let length = scalar(&self.line[at + index..]);
                if length == 0 {
                    return false;
                }
                self.state = next;
                tokens &= after(index + length);
                self.in_scalar = (index + length).saturating_sub(BLOCK);
            } else if !self.bracket(class, next) {
                return false;
            }
        }
        self.state != BROKEN
    }

    /// Where the quotes and the backslashes are; a bit for each byte, the first one lowest.
    #[inline(always)]
    fn look(&mut self, block: &[u8; BLOCK]) -> (u64, u64) {
        let (mut quote, mut backslash) = (0, 0);
        for (index, part) in block.as_chunks::<16>().0.iter().enumerate() {
            let bytes = u8x16::new(*part);
            self.all |= bytes;
            self.least = self.least.min(bytes);
            let places = |byte: u8| u64::from(bytes.simd_eq(u8x16::splat(byte)).to_bitmask()) << (16 * index);
            quote |= places(b'"');
            backslash |= places(b'\\');
        }
        (quote, backslash)
    }

    /// The bytes behind a backslash that is not escaped itself.
    #[inline(always)]
    fn escaped(&mut self, backslash: u64) -> u64 {
        if backslash == 0 {
            return std::mem::take(&mut self.escaped);
        }
        const ODD: u64 = 0xAAAA_AAAA_AAAA_AAAA;
        let backslash = backslash & !self.escaped;
        let follows = backslash << 1 | self.escaped;
        // Runs of backslashes that begin at an odd place, carried over to the byte behind them.
        let (odd, carry) = (backslash & ODD & !follows).overflowing_add(backslash);
        self.escaped = u64::from(carry);
        (!ODD ^ (odd << 1)) & follows
    }

    #[inline(always)]
    fn bracket(&mut self, class: u8, next: u8) -> bool {
        if class == OPEN_OBJECT || class == OPEN_ARRAY {
            self.state = next;
            self.open = self.open << 1 | u128::from(class == OPEN_OBJECT);
            self.depth += 1;
            return self.depth <= self.deepest;
        }
        self.open >>= 1;
        self.depth -= 1;
        self.state = match (self.depth, self.open & 1) {
            (0, _) => DONE,
            (_, 0) => AFTER_ITEM,
            _ => AFTER_MEMBER,
        };
        true
    }
}

/// The bits from `index` on.
#[inline(always)]
fn after(index: usize) -> u64 {
    if index < BLOCK { u64::MAX << index } else { 0 }
}

/// Bit by bit, whether the number of ones up to here is odd.
#[inline(always)]
fn prefix_xor(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

/// Whether what stands at `at`, behind a backslash, makes an escape, other than of a quote or of a backslash.
fn is_escape(line: &[u8], at: usize) -> bool {
    match line.get(at) {
        Some(b'/' | b'b' | b'f' | b'n' | b'r' | b't') => true,
        Some(b'u') => line.get(at + 1..at + 5).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)),
        _ => false,
    }
}

/// Length of the number or the name at the beginning, or 0. What follows is a token of its own, and none may follow without a comma.
#[inline(always)]
fn scalar(text: &[u8]) -> usize {
    let name = |name: &[u8]| if text.starts_with(name) { name.len() } else { 0 };
    match text[0] {
        b't' => name(b"true"),
        b'f' => name(b"false"),
        b'n' => name(b"null"),
        _ => number(text),
    }
}

/// Length of the number at the beginning, or 0.
#[inline(always)]
fn number(text: &[u8]) -> usize {
    let digits = |from: usize| from + text[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let whole = usize::from(text[0] == b'-');
    let mut end = if text.get(whole) == Some(&b'0') { whole + 1 } else { digits(whole) };
    if end == whole {
        return 0;
    }
    if text.get(end) == Some(&b'.') {
        let fraction = end + 1;
        end = digits(fraction);
        if end == fraction {
            return 0;
        }
    }
    if matches!(text.get(end), Some(b'e' | b'E')) {
        let exponent = end + 1 + usize::from(matches!(text.get(end + 1), Some(b'+' | b'-')));
        end = digits(exponent);
        if end == exponent {
            return 0;
        }
    }
    end
}

// Classes of tokens.
const STRING: u8 = 0;
const COLON: u8 = 1;
const COMMA: u8 = 2;
const BLANK: u8 = 3;
const SCALAR: u8 = 4;
const OPEN_OBJECT: u8 = 5;
const OPEN_ARRAY: u8 = 6;
const CLOSE_OBJECT: u8 = 7;
const CLOSE_ARRAY: u8 = 8;

const CLASS: [u8; 256] = {
    let mut class = [SCALAR; 256];
    class[b'"' as usize] = STRING;
    class[b':' as usize] = COLON;
    class[b',' as usize] = COMMA;
    class[b' ' as usize] = BLANK;
    class[b'{' as usize] = OPEN_OBJECT;
    class[b'[' as usize] = OPEN_ARRAY;
    class[b'}' as usize] = CLOSE_OBJECT;
    class[b']' as usize] = CLOSE_ARRAY;
    class
};

// States, named by what they wait for.
const BROKEN: u8 = 0;
const START: u8 = 1;
const NAME_OR_END: u8 = 2;
const NAME: u8 = 3;
const AFTER_NAME: u8 = 4;
const MEMBER: u8 = 5;
const AFTER_MEMBER: u8 = 6;
const ITEM_OR_END: u8 = 7;
const ITEM: u8 = 8;
const AFTER_ITEM: u8 = 9;
const DONE: u8 = 10;

/// The state behind a token; where a container closes, the one outside it decides, and any state but [`BROKEN`] stands for "allowed".
const NEXT: [[u8; 16]; 16] = {
    let mut next = [[BROKEN; 16]; 16];
    next[START as usize][OPEN_OBJECT as usize] = NAME_OR_END;
    next[NAME_OR_END as usize][STRING as usize] = AFTER_NAME;
    next[NAME_OR_END as usize][CLOSE_OBJECT as usize] = DONE;
    next[NAME as usize][STRING as usize] = AFTER_NAME;
    next[AFTER_NAME as usize][COLON as usize] = MEMBER;
    next[AFTER_MEMBER as usize][COMMA as usize] = NAME;
    next[AFTER_MEMBER as usize][CLOSE_OBJECT as usize] = DONE;
    next[AFTER_ITEM as usize][COMMA as usize] = ITEM;
    next[AFTER_ITEM as usize][CLOSE_ARRAY as usize] = DONE;
    next[ITEM_OR_END as usize][CLOSE_ARRAY as usize] = DONE;
    let values = [(MEMBER, AFTER_MEMBER), (ITEM, AFTER_ITEM), (ITEM_OR_END, AFTER_ITEM)];
    let mut index = 0;
    while index < values.len() {
        let (state, after) = values[index];
        next[state as usize][STRING as usize] = after;
        next[state as usize][SCALAR as usize] = after;
        next[state as usize][OPEN_OBJECT as usize] = NAME_OR_END;
        next[state as usize][OPEN_ARRAY as usize] = ITEM_OR_END;
        index += 1;
    }
    let mut state = START;
    while state <= DONE {
        next[state as usize][BLANK as usize] = state;
        state += 1;
    }
    next
};

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
