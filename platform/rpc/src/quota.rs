//! How many bytes of requests, or of answers, a server holds at a time, and how many of one caller.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use atoll_api::call::{Bytes, CallContext, Status};

/// Smaller answers are not counted: they are no more than what the stream of a call takes itself.
pub(crate) const UNCOUNTED_ANSWER: usize = 1024;

/// Whose the bytes are: an account, what has none, or where nobody says who calls, an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Holder {
    own: u64,
    /// All that its owner may have: of IPv6 addresses some have 65,536 nets.
    wider: Option<u64>,
}

impl Holder {
    /// Who makes the call, once it was admitted.
    pub(crate) fn of(ctx: &CallContext) -> Self {
        match &ctx.principal {
            Some(caller) if caller.account.is_empty() => Self::known_by((0, &caller.id)),
            Some(caller) => Self::known_by((1, &caller.account)),
            None => ctx.peer.map_or_else(Self::nobody, Self::at),
        }
    }

    /// Who calls from there, before it is known who that is.
    pub(crate) fn at(peer: SocketAddr) -> Self {
        match peer.ip().to_canonical() {
            IpAddr::V4(address) => Self::known_by((2, address)),
            // One host has 64 bits' worth, one customer of a provider may have 80.
            IpAddr::V6(address) => Self {
                own: hash((3, address.to_bits() >> 64)),
                wider: Some(hash((4, address.to_bits() >> 80))),
            },
        }
    }

    /// Who has neither an account nor an address: a call within the process.
    pub(crate) fn nobody() -> Self {
        Self::known_by(5)
    }

    /// The same, and all others that may be the same.
    pub(crate) fn widest(self) -> Self {
        Self { own: self.wider.unwrap_or(self.own), wider: None }
    }

    fn known_by(this: impl Hash) -> Self {
        Self { own: hash(this), wider: None }
    }

    /// Those of whom each leaves as much free as it holds.
    fn each(self) -> impl Iterator<Item = u64> {
        [self.own].into_iter().chain(self.wider)
    }
}

fn hash(this: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    this.hash(&mut hasher);
    hasher.finish()
}

/// Bytes, or connections, that callers share. Whoever holds some leaves at least as much free as all of theirs: one
/// caller gets half of them, two get a third each, and however many there are, who comes next finds something.
pub(crate) struct Quota {
    limit: usize,
    /// Said to who finds no room.
    refusal: &'static str,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    bytes: usize,
    /// Of those who hold something.
    holders: BTreeMap<u64, usize>,
}

impl Taken {
    fn add(&mut self, holder: Holder, more: usize) {
        self.bytes += more;
        for who in holder.each() {
            *self.holders.entry(who).or_default() += more;
        }
    }
}

impl Quota {
    /// So many bytes, all of them free.
    pub(crate) fn new(limit: usize, refusal: &'static str) -> Arc<Self> {
        Arc::new(Self { limit, refusal, taken: Mutex::default() })
    }

    /// A reservation of one call, of nothing yet.
    pub(crate) fn reserve(self: &Arc<Self>, holder: Holder) -> Reservation {
        Reservation { quota: Arc::clone(self), holder, bytes: 0, lent: None }
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, holder: Holder, more: usize) -> Result<(), Status> {
        let mut taken = self.lock();
        let all = taken.bytes.saturating_add(more);
        let theirs = |taken: &Taken, who| taken.holders.get(&who).copied().unwrap_or_default() + more;
        if holder.each().any(|who| all.saturating_add(theirs(&taken, who)) > self.limit) {
            return Err(Status::resource_exhausted(self.refusal));
        }
        taken.add(holder, more);
        Ok(())
    }

    fn give_back(&self, holder: Holder, bytes: usize) {
        if bytes == 0 {
            return;
        }
        let mut taken = self.lock();
        taken.bytes -= bytes;
        for who in holder.each() {
            if let Some(theirs) = taken.holders.get_mut(&who) {
                *theirs -= bytes;
                if *theirs == 0 {
                    taken.holders.remove(&who);
                }
            }
        }
    }
}

/// What is held of one call; given back when dropped.
pub(crate) struct Reservation {
    quota: Arc<Quota>,
    holder: Holder,
    bytes: usize,
    /// What may be given back before.
    lent: Option<Arc<Share>>,
}

impl Reservation {
    /// How much that is now.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Holds so much in all from now on, or refuses.
    pub(crate) fn resize(&mut self, bytes: usize) -> Result<(), Status> {
        if bytes > self.bytes {
            self.quota.take(self.holder, bytes - self.bytes)?;
        } else {
            self.quota.give_back(self.holder, self.bytes - bytes);
        }
        self.bytes = bytes;
        Ok(())
    }

    /// Holds so much more, beyond what there is if need be: others are refused until it is given back.
    pub(crate) fn charge(&mut self, more: usize) {
        self.quota.lock().add(self.holder, more);
        self.bytes += more;
    }

    /// Holds the same for another from now on, or refuses and holds nothing.
    pub(crate) fn pass_to(&mut self, holder: Holder) -> Result<(), Status> {
        let bytes = self.bytes;
        self.resize(0)?;
        self.holder = holder;
        self.resize(bytes)
    }

    /// The same bytes, and the part of what is held that they take: given back with the last that refers to them,
    /// however long that is after the call.
    pub(crate) fn attach_to(&mut self, bytes: Bytes) -> Bytes {
        self.share(bytes).0
    }

    /// The same, and given back at the end of the call at the latest: who keeps some of the bytes beyond that counts
    /// them itself.
    pub(crate) fn attach_until_call_ends(&mut self, bytes: Bytes) -> Bytes {
        let (bytes, share) = self.share(bytes);
        self.lent = share;
        bytes
    }

    fn share(&mut self, bytes: Bytes) -> (Bytes, Option<Arc<Share>>) {
        let length = bytes.len().min(self.bytes);
        if length == 0 {
            return (bytes, None);
        }
        self.bytes -= length;
        let (quota, holder) = (Arc::clone(&self.quota), self.holder);
        let share = Arc::new(Share { quota, holder, bytes: AtomicUsize::new(length) });
        (Bytes::from_owner(Part { bytes, share: Arc::clone(&share) }), Some(share))
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.quota.give_back(self.holder, self.bytes);
        if let Some(lent) = &self.lent {
            lent.give_back();
        }
    }
}

/// A part of what is held that goes by itself.
struct Share {
    quota: Arc<Quota>,
    holder: Holder,
    bytes: AtomicUsize,
}

impl Share {
    /// The first time; nothing after that.
    fn give_back(&self) {
        self.quota.give_back(self.holder, self.bytes.swap(0, Relaxed));
    }
}

/// Bytes with their share of a quota.
struct Part {
    bytes: Bytes,
    share: Arc<Share>,
}

impl AsRef<[u8]> for Part {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.share.give_back();
    }
}

#[cfg(test)]
mod tests {
    use atoll_api::call::{Principal, PrincipalKind};

    use super::*;

    const ONE: Holder = Holder { own: 1, wider: None };
    const OTHER: Holder = Holder { own: 2, wider: None };

    #[test]
    fn what_does_not_fit_is_refused_and_what_goes_makes_room() {
        let room = Quota::new(120, "full");
        let (mut one, mut other) = (room.reserve(ONE), room.reserve(OTHER));
        one.resize(40).unwrap();
        other.resize(40).unwrap();
        let refused = other.resize(41).unwrap_err();
        assert_eq!(refused.message, "full");
        assert_eq!(room.lock().bytes, 80);
        one.resize(10).unwrap();
        other.resize(55).unwrap();
        drop((one, other));
        assert_eq!(room.lock().bytes, 0);
        assert!(room.lock().holders.is_empty());
    }

    #[test]
    fn what_is_charged_is_never_refused_and_counts() {
        let room = Quota::new(100, "full");
        let (mut one, mut other) = (room.reserve(ONE), room.reserve(OTHER));
        one.charge(300);
        assert!(other.resize(1).is_err());
        let bytes = one.attach_to(Bytes::from(vec![7; 300]));
        drop((one, bytes));
        other.resize(50).unwrap();
        drop(other);
        assert!(room.lock().bytes == 0 && room.lock().holders.is_empty());
    }

    #[test]
    fn nobody_takes_all_and_who_comes_next_finds_something() {
        let room = Quota::new(1_000, "full");
        let (mut first, mut second) = (room.reserve(ONE), room.reserve(ONE));
        first.resize(400).unwrap();
        second.resize(100).unwrap();
        assert!(second.resize(101).is_err(), "half of the room, in however many calls");
        let mut other = room.reserve(OTHER);
        other.resize(250).unwrap();
        assert!(other.resize(251).is_err(), "half of what is left");
        let mut third = room.reserve(Holder { own: 3, wider: None });
        third.resize(125).unwrap();
    }

    #[test]
    fn what_is_passed_on_is_held_of_the_other_alone() {
        let room = Quota::new(1_000, "full");
        let (mut passed, mut own) = (room.reserve(ONE), room.reserve(OTHER));
        passed.resize(200).unwrap();
        own.resize(200).unwrap();
        passed.pass_to(OTHER).unwrap();
        assert_eq!(room.lock().holders, BTreeMap::from([(OTHER.own, 400)]));
        passed.pass_to(ONE).unwrap();
        own.resize(390).unwrap();
        assert!(passed.pass_to(OTHER).is_err(), "half of the room");
        drop(passed);
        assert_eq!(room.lock().bytes, 390);
    }

    #[test]
    fn a_part_is_held_as_long_as_somebody_refers_to_its_bytes() {
        let room = Quota::new(1_000, "full");
        let mut held = room.reserve(ONE);
        held.resize(300).unwrap();
        let bytes = held.attach_to(Bytes::from(vec![7; 100]));
        let end = bytes.slice(90..);
        drop((held, bytes));
        assert_eq!(room.lock().bytes, 100);
        assert_eq!(end, vec![7; 10]);
        drop(end);
        assert_eq!(room.lock().bytes, 0);
        // What is not held stays as it is.
        let small = Bytes::from_static(b"small");
        assert_eq!(room.reserve(ONE).attach_to(small.clone()).as_ptr(), small.as_ptr());
    }

    #[test]
    fn what_is_lent_is_given_back_with_its_bytes_or_with_the_call() {
        let room = Quota::new(1_000, "full");
        for call_ends_first in [true, false] {
            let mut held = room.reserve(ONE);
            held.resize(300).unwrap();
            let bytes = held.attach_until_call_ends(Bytes::from(vec![7; 100]));
            let kept = bytes.slice(90..);
            drop(bytes);
            assert_eq!(room.lock().bytes, 300);
            if call_ends_first {
                drop(held);
                assert_eq!(room.lock().bytes, 0);
                drop(kept);
            } else {
                drop(kept);
                assert_eq!(room.lock().bytes, 200);
                drop(held);
            }
            assert_eq!(room.lock().bytes, 0);
        }
    }

    #[test]
    fn an_account_is_one_holder_wherever_it_calls_from() {
        let from = |peer: &str, account: &str| {
            let mut ctx = CallContext::unknown("/s/m");
            ctx.peer = Some(peer.parse().unwrap());
            ctx.principal = (!account.is_empty()).then(|| {
                let (kind, account) = (PrincipalKind::ServiceAccount, account.to_owned());
                Arc::new(Principal { kind, id: peer.to_owned(), account, display: String::new() })
            });
            Holder::of(&ctx)
        };
        assert_eq!(from("10.0.0.1:1", "a"), from("10.0.0.2:1", "a"));
        assert_ne!(from("10.0.0.1:1", "a"), from("10.0.0.1:1", "b"));
        assert_eq!(from("10.0.0.1:1", ""), from("10.0.0.1:2", ""));
        assert_ne!(from("10.0.0.1:1", ""), from("10.0.0.2:1", ""));
        assert_eq!(from("[2001:db8::1]:1", ""), from("[2001:db8::2]:1", ""), "one host has them all");
        assert_ne!(from("[2001:db8::1]:1", ""), from("[2001:db8:0:1::1]:1", ""));
        // IPv4 as a socket for both kinds has it.
        assert_eq!(from("[::ffff:10.0.0.1]:1", ""), from("10.0.0.1:1", ""));
        assert_ne!(from("[::ffff:10.0.0.1]:1", ""), from("[::ffff:10.0.0.2]:1", ""));
    }

    #[test]
    fn the_nets_of_one_customer_hold_no_more_than_one_caller() {
        let room = Quota::new(1_000, "full");
        let nets = (0..256).map(|net| Holder::at(format!("[2001:db8:1:{net:x}::1]:1").parse().unwrap()));
        let mut held: Vec<_> = nets.map(|net| room.reserve(net)).collect();
        let taken = held.iter_mut().filter_map(|held| held.resize(10).ok()).count();
        assert_eq!(taken, 50, "half of the room");
        room.reserve(Holder::at("[2001:db8:2::1]:1".parse().unwrap())).resize(250).unwrap();
        drop(held);
        assert!(room.lock().holders.is_empty());
    }

    #[test]
    fn a_caller_without_an_account_is_known_by_its_id() {
        let of = |id: &str| {
            let mut ctx = CallContext::unknown("/s/m");
            ctx.peer = Some("10.0.0.1:1".parse().unwrap());
            let (kind, id) = (PrincipalKind::Internal, id.to_owned());
            let (account, display) = (String::new(), String::new());
            ctx.principal = Some(Arc::new(Principal { kind, id, account, display }));
            Holder::of(&ctx)
        };
        assert_eq!(of("metering"), of("metering"));
        assert_ne!(of("metering"), of("billing"));
        assert_ne!(of("metering"), Holder::of(&CallContext::unknown("/s/m")));
    }
}
