//! Jitter: a delay that depends on the time and the schedule alone.
//!
//! The original hashes the nominal time, as Go writes it in binary, and the schedule's seed with FarmHash's 32-bit
//! fingerprint. A client that compares times with the original's finds the same ones.

use uuid::Uuid;

/// What makes one schedule's jitter another than its neighbour's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seed(String);

/// Longest delay, milliseconds: the original's hash has 32 bits.
pub(crate) const MAX_DELAY_MS: i64 = u32::MAX as i64;

/// Seconds from year 1, where Go begins, to 1970.
const GO_EPOCH: i64 = 62_135_596_800;

impl Seed {
    /// The seed of a schedule: its namespace's id and its own.
    pub fn new(namespace_id: Uuid, schedule_id: &str) -> Self {
        Self(format!("{namespace_id}-{schedule_id}"))
    }

    /// Milliseconds of delay, from zero to just below `max`, of the time `nominal` in Unix seconds.
    pub(crate) fn delay_ms(&self, nominal: i64, max_ms: i64) -> i64 {
        if max_ms <= 0 {
            return 0;
        }
        // Version, seconds, nanoseconds, and the offset that stands for UTC.
        let mut bytes = vec![1];
        bytes.extend(nominal.saturating_add(GO_EPOCH).to_be_bytes());
        bytes.extend([0, 0, 0, 0, 0xff, 0xff]);
        bytes.extend(self.0.as_bytes());
        let max_ms = max_ms.min(MAX_DELAY_MS) as u64;
        ((u64::from(fingerprint32(&bytes)) * max_ms) >> 32) as i64
    }
}

const C1: u32 = 0xcc9e_2d51;
const C2: u32 = 0x1b87_3593;
const C3: u32 = 0xe654_6b64;

fn word(s: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([s[at], s[at + 1], s[at + 2], s[at + 3]])
}

fn mix(a: u32, h: u32) -> u32 {
    let a = a.wrapping_mul(C1).rotate_right(17).wrapping_mul(C2);
    (h ^ a).rotate_right(19).wrapping_mul(5).wrapping_add(C3)
}

/// FarmHash's fingerprint of 32 bits (its `mk` variant) of more than 24 bytes: a time and a namespace's id are 51.
fn fingerprint32(s: &[u8]) -> u32 {
    let length = s.len();
    let scrambled = |back: usize| word(s, length - back).wrapping_mul(C1).rotate_right(17).wrapping_mul(C2);
    let step = |h: u32| h.rotate_right(19).wrapping_mul(5).wrapping_add(C3);
    let mut h = step(step(length as u32 ^ scrambled(4)) ^ scrambled(16));
    let g0 = C1.wrapping_mul(length as u32);
    let mut g = step(step(g0 ^ scrambled(8)) ^ scrambled(12));
    let mut f = g0.wrapping_add(scrambled(20)).rotate_right(19).wrapping_add(113);
    for block in 0..(length - 1) / 20 {
        let [a, b, c, d, e] = [0, 4, 8, 12, 16].map(|at| word(s, block * 20 + at));
        h = h.wrapping_add(a);
        g = g.wrapping_add(b);
        f = f.wrapping_add(c);
        h = mix(d, h).wrapping_add(e);
        g = mix(c, g).wrapping_add(a);
        f = mix(b.wrapping_add(e.wrapping_mul(C1)), f).wrapping_add(d);
        f = f.wrapping_add(g);
        g = g.wrapping_add(f);
    }
    let twice = |x: u32| x.rotate_right(11).wrapping_mul(C1).rotate_right(17).wrapping_mul(C1);
    let (g, f) = (twice(g), twice(f));
    let turn = |h: u32| step(h).rotate_right(17).wrapping_mul(C1);
    turn(turn(h.wrapping_add(g)).wrapping_add(f))
}
