//! How much work an answer may take.

/// Work that is left for an answer. Counted in looks, of some 50 ns: a step of the search through one calendar, a
/// question to an excluding one, to a few intervals or to a dozen calendars whose next time is known; a change of a
/// zone that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Looks(usize);

impl Looks {
    /// So many.
    pub const fn of(looks: usize) -> Self {
        Self(looks)
    }

    /// How many are left.
    pub const fn left(self) -> usize {
        self.0
    }

    /// Whether none is left.
    pub const fn used_up(self) -> bool {
        self.0 == 0
    }

    /// Takes some. What is begun is finished: the last ones may be more than were left.
    pub fn take(&mut self, looks: usize) {
        self.0 = self.0.saturating_sub(looks);
    }

    /// Takes and counts those of a search.
    pub(crate) fn spend(&mut self, looks: usize) {
        #[cfg(debug_assertions)]
        TAKEN.set(TAKEN.get() + looks as u64);
        self.take(looks);
    }
}

#[cfg(debug_assertions)]
thread_local! {
    static TAKEN: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// Looks that this thread has taken so far, for tests. In debug builds only.
#[cfg(debug_assertions)]
pub fn looks_taken() -> u64 {
    TAKEN.get()
}
