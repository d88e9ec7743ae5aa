use std::time::Duration;

use tokio::sync::watch;

/// How long a call waits to hear whether the table is the current one.
const PATIENCE: Duration = Duration::from_secs(3);

/// Where calls ask whether the routing table is the control plane's current one, and the watch answers. Cheap to clone.
///
/// Questions are numbered. One look at the control plane answers all that were asked before it began, so that a
/// thousand calls for unknown namespaces cost one look.
#[derive(Debug, Clone)]
pub(crate) struct Freshness {
    /// How many questions were asked.
    asked: watch::Sender<u64>,
    answered: watch::Sender<Answered>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Answered {
    /// The last question that this answers; it answers all before it too.
    question: u64,
    /// Whether the table is the current one.
    current: bool,
}

impl Default for Freshness {
    fn default() -> Self {
        Self { asked: watch::Sender::new(0), answered: watch::Sender::new(Answered::default()) }
    }
}

impl Freshness {
    /// Whether the table, as it is when this returns, is one that the control plane had after the call of this. False
    /// where the control plane does not say so in time.
    pub(crate) async fn is_current(&self) -> bool {
        let mut answers = self.answered.subscribe();
        let mut question = 0;
        self.asked.send_modify(|asked| {
            *asked += 1;
            question = *asked;
        });
        let answer = answers.wait_for(|answered| answered.question >= question);
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(Ok(answered)) => answered.current,
            Ok(Err(_)) | Err(_) => false,
        }
    }

    /// The last question, where it has no answer yet.
    pub(crate) fn open_question(&self) -> Option<u64> {
        let asked = *self.asked.borrow();
        (asked > self.answered.borrow().question).then_some(asked)
    }

    /// Returns once there is a question without an answer.
    pub(crate) async fn asked(&self) {
        let mut questions = self.asked.subscribe();
        // Fails only where the sender is gone, and this holds it.
        let _ = questions.wait_for(|asked| *asked > self.answered.borrow().question).await;
    }

    /// Answers `question` and all before it: the look at the control plane began after they were asked.
    pub(crate) fn answer(&self, question: u64, current: bool) {
        self.answered.send_replace(Answered { question, current });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_is_for_the_questions_before_it() {
        let freshness = Freshness::default();
        assert_eq!(freshness.open_question(), None);
        let ask = || {
            let freshness = freshness.clone();
            tokio::spawn(async move { freshness.is_current().await })
        };
        let first = ask();
        freshness.asked().await;
        assert_eq!(freshness.open_question(), Some(1));
        let second = ask();
        while freshness.open_question() != Some(2) {
            tokio::task::yield_now().await;
        }
        freshness.answer(1, true);
        assert!(first.await.unwrap());
        assert_eq!(freshness.open_question(), Some(2));
        freshness.answer(2, false);
        assert!(!second.await.unwrap());
        assert_eq!(freshness.open_question(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_that_nobody_answers_is_no() {
        assert!(!Freshness::default().is_current().await);
    }
}
