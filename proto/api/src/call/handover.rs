use std::fmt;

/// What a call did for its caller alone, a task that was started for a worker, and what becomes of it.
///
/// A service leaves it in the call's context ([`CallContext::hand_over`](super::CallContext::hand_over)). Whoever
/// carries the answer says [`delivered`](Self::delivered) once nothing but the connection stands between it and the
/// caller. Dropped before, wherever the call ended, it is lost: an answer that is refused for want of room counts as a
/// caller that has gone. A process that ends tells nobody.
#[derive(Default)]
#[must_use = "dropped, it is lost"]
pub struct Handover {
    ended: Option<Box<dyn FnOnce(Fate) + Send>>,
}

/// How a hand-over ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The answer is on its way to its caller.
    Delivered,
    /// The caller does not get it.
    Lost,
}

impl Handover {
    /// `ended` hears once what became of it, and waits for nothing.
    pub fn new(ended: impl FnOnce(Fate) + Send + 'static) -> Self {
        Self { ended: Some(Box::new(ended)) }
    }

    /// Nothing was handed over.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// The answer is on its way.
    pub fn delivered(mut self) {
        self.end(Fate::Delivered);
    }

    fn end(&mut self, fate: Fate) {
        if let Some(ended) = self.ended.take() {
            ended(fate);
        }
    }
}

impl Drop for Handover {
    fn drop(&mut self) {
        self.end(Fate::Lost);
    }
}

impl fmt::Debug for Handover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handover").field("pending", &self.ended.is_some()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::call::CallContext;

    /// A hand-over, and what it was told.
    fn told() -> (Handover, Arc<Mutex<Vec<Fate>>>) {
        let fates = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&fates);
        (Handover::new(move |fate| heard.lock().unwrap().push(fate)), fates)
    }

    #[test]
    fn it_hears_once_what_became_of_it() {
        let (handover, fates) = told();
        handover.delivered();
        assert_eq!(*fates.lock().unwrap(), [Fate::Delivered]);
        let (handover, fates) = told();
        drop(handover);
        assert_eq!(*fates.lock().unwrap(), [Fate::Lost]);
        Handover::nothing().delivered();
    }

    #[test]
    fn what_nobody_takes_from_a_context_is_lost_with_it() {
        let ctx = CallContext::unknown("/s/m");
        let (handover, fates) = told();
        ctx.hand_over(handover);
        assert_eq!(*fates.lock().unwrap(), []);
        drop(ctx);
        assert_eq!(*fates.lock().unwrap(), [Fate::Lost]);
        let mut ctx = CallContext::unknown("/s/m");
        let (handover, fates) = told();
        ctx.hand_over(handover);
        let taken = ctx.take_handover();
        drop(ctx);
        assert_eq!(*fates.lock().unwrap(), []);
        taken.delivered();
        assert_eq!(*fates.lock().unwrap(), [Fate::Delivered]);
    }
}
