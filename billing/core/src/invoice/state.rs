//! The states of an invoice and every way between them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Where an invoice stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InvoiceStatus {
    /// May still change; nothing is booked.
    Draft,
    /// Issued: booked, and never changes again.
    Finalized,
    /// Settled in full.
    Paid,
    /// Taken back; the bookings are reversed.
    Void,
}

/// What happens to an invoice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InvoiceEvent {
    /// It is issued.
    Finalize,
    /// It is settled in full.
    Pay,
    /// It is taken back.
    Void,
}

/// An event that the invoice's state does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("cannot {event} an invoice that is {status}")]
pub struct IllegalTransition {
    /// The state.
    pub status: InvoiceStatus,
    /// The event.
    pub event: InvoiceEvent,
}

impl InvoiceStatus {
    /// Every state.
    pub const ALL: [InvoiceStatus; 4] =
        [InvoiceStatus::Draft, InvoiceStatus::Finalized, InvoiceStatus::Paid, InvoiceStatus::Void];

    /// The state after `event`. A paid invoice is not voided: what is wrong with it becomes a credit note.
    pub const fn after(self, event: InvoiceEvent) -> Result<Self, IllegalTransition> {
        use InvoiceEvent as Event;
        use InvoiceStatus::{Draft, Finalized, Paid, Void};
        match (self, event) {
            (Draft, Event::Finalize) => Ok(Finalized),
            (Finalized, Event::Pay) => Ok(Paid),
            (Finalized, Event::Void) => Ok(Void),
            (Draft, Event::Pay | Event::Void)
            | (Finalized, Event::Finalize)
            | (Paid | Void, Event::Finalize | Event::Pay | Event::Void) => {
                Err(IllegalTransition { status: self, event })
            }
        }
    }

    /// The name in storage, JSON and CSV.
    pub const fn as_str(self) -> &'static str {
        match self {
            InvoiceStatus::Draft => "draft",
            InvoiceStatus::Finalized => "finalized",
            InvoiceStatus::Paid => "paid",
            InvoiceStatus::Void => "void",
        }
    }
}

impl InvoiceEvent {
    /// Every event.
    pub const ALL: [InvoiceEvent; 3] = [InvoiceEvent::Finalize, InvoiceEvent::Pay, InvoiceEvent::Void];
}

impl fmt::Display for InvoiceStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that is no state.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is not an invoice state")]
pub struct UnknownStatus(pub String);

impl FromStr for InvoiceStatus {
    type Err = UnknownStatus;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == name)
            .ok_or_else(|| UnknownStatus(name.to_owned()))
    }
}

impl fmt::Display for InvoiceEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            InvoiceEvent::Finalize => "finalize",
            InvoiceEvent::Pay => "pay",
            InvoiceEvent::Void => "void",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_is_legal_or_named() {
        let legal = [
            (InvoiceStatus::Draft, InvoiceEvent::Finalize, InvoiceStatus::Finalized),
            (InvoiceStatus::Finalized, InvoiceEvent::Pay, InvoiceStatus::Paid),
            (InvoiceStatus::Finalized, InvoiceEvent::Void, InvoiceStatus::Void),
        ];
        for status in InvoiceStatus::ALL {
            for event in InvoiceEvent::ALL {
                let expected =
                    legal.iter().find(|(from, by, _)| (*from, *by) == (status, event)).map(|(_, _, to)| *to);
                assert_eq!(status.after(event), expected.ok_or(IllegalTransition { status, event }));
            }
        }
        let error = InvoiceStatus::Paid.after(InvoiceEvent::Void).unwrap_err();
        assert_eq!(error.to_string(), "cannot void an invoice that is paid");
    }

    #[test]
    fn names_round_trip() {
        for status in InvoiceStatus::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
        }
        assert_eq!("open".parse::<InvoiceStatus>(), Err(UnknownStatus("open".to_owned())));
    }
}
