//! Long polls on an entity.

use tokio::sync::oneshot;

/// What a long poll waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Awaited {
    /// Any change of the entity.
    Change,
    /// That it closes.
    Close,
}

/// At this many it is looked whether anybody still waits for them.
const LOOKED_OVER: usize = 16;

/// Who waits for one entity. Each is told once, when what it waits for is durable.
#[derive(Debug, Default)]
pub(crate) struct Watchers {
    change: Waiting,
    close: Waiting,
}

#[derive(Debug, Default)]
struct Waiting {
    senders: Vec<oneshot::Sender<()>>,
    /// How many were left when those whose callers went away were last left out.
    kept: usize,
}

impl Watchers {
    /// One more.
    pub(crate) fn add(&mut self, awaited: Awaited) -> oneshot::Receiver<()> {
        match awaited {
            Awaited::Change => self.change.add(),
            Awaited::Close => self.close.add(),
        }
    }

    /// Whether anybody still waits.
    pub(crate) fn anybody(&self) -> bool {
        let mut all = self.change.senders.iter().chain(&self.close.senders);
        all.any(|sender| !sender.is_closed())
    }

    /// The entity changed, and perhaps closed: moves those who wait for that to `told`.
    pub(crate) fn tell(&mut self, closed: bool, told: &mut Vec<oneshot::Sender<()>>) {
        self.change.tell(told);
        if closed {
            self.close.tell(told);
        }
    }
}

impl Waiting {
    fn add(&mut self) -> oneshot::Receiver<()> {
        if self.senders.len() >= LOOKED_OVER.max(2 * self.kept) {
            self.senders.retain(|sender| !sender.is_closed());
            self.kept = self.senders.len();
        }
        let (sender, receiver) = oneshot::channel();
        self.senders.push(sender);
        receiver
    }

    fn tell(&mut self, told: &mut Vec<oneshot::Sender<()>>) {
        told.append(&mut self.senders);
        self.kept = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_told_of_what_it_waits_for() {
        let (mut watchers, mut told) = (Watchers::default(), Vec::new());
        let (mut change, mut close) = (watchers.add(Awaited::Change), watchers.add(Awaited::Close));
        watchers.tell(false, &mut told);
        assert_eq!((told.len(), watchers.anybody()), (1, true));
        told.drain(..).for_each(|sender| sender.send(()).expect("it waits"));
        assert!(change.try_recv().is_ok() && close.try_recv().is_err());
        let mut other = watchers.add(Awaited::Change);
        watchers.tell(true, &mut told);
        told.drain(..).for_each(|sender| sender.send(()).expect("it waits"));
        assert!(close.try_recv().is_ok() && other.try_recv().is_ok() && !watchers.anybody());
    }

    #[test]
    fn those_who_went_away_do_not_pile_up() {
        let mut watchers = Watchers::default();
        let kept = watchers.add(Awaited::Close);
        for _ in 0..10_000 {
            drop(watchers.add(Awaited::Close));
        }
        assert!(watchers.close.senders.len() <= 2 * LOOKED_OVER && watchers.anybody());
        drop(kept);
        assert!(!watchers.anybody());
    }

    #[test]
    fn they_are_looked_over_only_once_they_have_doubled() {
        let mut waiting = Waiting::default();
        let mut receivers: Vec<_> = (0..17).map(|_| waiting.add()).collect();
        receivers.drain(..5);
        receivers.extend((0..15).map(|_| waiting.add()));
        assert_eq!(waiting.senders.len(), 32, "not yet");
        receivers.push(waiting.add());
        assert_eq!(waiting.senders.len(), 28);
    }
}
