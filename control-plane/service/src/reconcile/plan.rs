use std::cmp::Ordering;
use std::collections::HashMap;

use atoll_internal_api::cell::v1::{GetStatusResponse, NamespaceStatus};
use uuid::Uuid;

use crate::model::{Namespace, NamespaceState, Pushed, Recovering};

/// One difference between what a cell holds and what it should, by what removes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Repair {
    /// Its keys are not the current set.
    ApplyKeySet,
    /// It lacks a namespace, or holds it at another generation.
    ApplyNamespace {
        /// The namespace.
        uuid: Uuid,
        /// Its cloud id.
        cloud_id: String,
    },
    /// It holds a namespace that is deleted, or was never finished.
    RemoveNamespace {
        /// The namespace.
        uuid: Uuid,
        /// Its cloud id.
        cloud_id: String,
        /// The generation to remove it at.
        generation: u64,
    },
    /// It holds something at a generation that was never given out: see
    /// [`Activities::settle`](crate::Activities::settle).
    Recover {
        /// What it holds.
        subject: Pushed,
        /// The generation that it holds.
        held: u64,
    },
}

impl Repair {
    /// Whether it waits for an operator. Seeing that a cell is ahead does not.
    pub(super) fn waits(&self, recovering: &[Recovering]) -> bool {
        let about = match self {
            Self::ApplyKeySet => Pushed::KeySet,
            Self::ApplyNamespace { uuid, .. } | Self::RemoveNamespace { uuid, .. } => {
                Pushed::Namespace(*uuid)
            }
            Self::Recover { .. } => return false,
        };
        recovering.iter().any(|ahead| ahead.subject == about)
    }
}

/// What is to be done with a cell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// Keys first: a namespace that serves with outdated keys refuses or admits the wrong callers.
    pub(super) repairs: Vec<Repair>,
    /// Namespaces that nobody here placed there.
    pub(super) unknown: Vec<String>,
}

/// The difference between what a cell should hold and what it says it holds. Pure; `desired` is everything that is
/// assigned to the cell, and what was deleted of it and is held, read after the cell was asked: what it holds then was
/// given out before, or by nobody here.
pub(super) fn plan(desired: &[Namespace], key_generation: u64, observed: &GetStatusResponse) -> Plan {
    let mut plan = Plan::default();
    match observed.key_set_generation.cmp(&key_generation) {
        Ordering::Less => plan.repairs.push(Repair::ApplyKeySet),
        Ordering::Equal => {}
        Ordering::Greater => {
            plan.repairs.push(Repair::Recover { subject: Pushed::KeySet, held: observed.key_set_generation });
        }
    }
    let mut held: HashMap<Uuid, &NamespaceStatus> = HashMap::new();
    for namespace in &observed.namespaces {
        match Uuid::from_slice(&namespace.id) {
            Ok(uuid) => {
                held.insert(uuid, namespace);
            }
            Err(_) => plan.unknown.push(namespace.name.clone()),
        }
    }
    for namespace in desired {
        let held = held.remove(&namespace.uuid);
        plan.repairs.extend(difference(namespace, held.map(|held| held.generation)));
    }
    plan.unknown.extend(held.into_values().map(|namespace| namespace.name.clone()));
    plan.unknown.sort();
    plan
}

/// What one namespace needs, given the generation that the cell holds it at.
fn difference(namespace: &Namespace, held: Option<u64>) -> Option<Repair> {
    let generation = namespace.generation.cast_unsigned();
    let (uuid, cloud_id) = (namespace.uuid, namespace.cloud_id.clone());
    if let Some(held) = held.filter(|held| *held > generation) {
        return Some(Repair::Recover { subject: Pushed::Namespace(uuid), held });
    }
    match namespace.state {
        NamespaceState::Activating | NamespaceState::Active | NamespaceState::Updating => {
            (held != Some(generation)).then_some(Repair::ApplyNamespace { uuid, cloud_id })
        }
        NamespaceState::Deleted | NamespaceState::ActivationFailed => {
            held.map(|_| Repair::RemoveNamespace { uuid, cloud_id, generation })
        }
        // A workflow is at it, or people are.
        NamespaceState::Deleting | NamespaceState::DeleteFailed => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::namespace;

    fn observed(key_set_generation: u64, namespaces: &[(&Namespace, u64)]) -> GetStatusResponse {
        GetStatusResponse {
            key_set_generation,
            namespaces: namespaces
                .iter()
                .map(|(namespace, generation)| NamespaceStatus {
                    id: namespace.uuid.as_bytes().to_vec().into(),
                    name: namespace.cloud_id.clone(),
                    generation: *generation,
                })
                .collect(),
            ..GetStatusResponse::default()
        }
    }

    #[test]
    fn each_state_and_held_generation_has_its_repair() {
        use NamespaceState::*;
        let apply = |n: &Namespace| Repair::ApplyNamespace { uuid: n.uuid, cloud_id: n.cloud_id.clone() };
        let remove = |n: &Namespace| Repair::RemoveNamespace {
            uuid: n.uuid,
            cloud_id: n.cloud_id.clone(),
            generation: 5,
        };
        for &state in NamespaceState::ALL {
            let mut wanted = namespace("orders.acct1", 1);
            (wanted.state, wanted.generation) = (state, 5);
            for held in [None, Some(4), Some(5), Some(6)] {
                let seen: Vec<_> = held.map(|generation| (&wanted, generation)).into_iter().collect();
                let expected = match (state, held) {
                    (_, Some(6)) => {
                        vec![Repair::Recover { subject: Pushed::Namespace(wanted.uuid), held: 6 }]
                    }
                    (Activating | Active | Updating, Some(5)) => vec![],
                    (Activating | Active | Updating, _) => vec![apply(&wanted)],
                    (Deleted | ActivationFailed, Some(_)) => vec![remove(&wanted)],
                    (Deleted | ActivationFailed | Deleting | DeleteFailed, _) => vec![],
                };
                let plan = plan(std::slice::from_ref(&wanted), 1, &observed(1, &seen));
                assert_eq!(plan.repairs, expected, "{state:?} held at {held:?}");
                assert!(plan.unknown.is_empty());
            }
        }
    }

    #[test]
    fn what_would_change_a_subject_that_is_recovering_waits_and_seeing_it_does_not() {
        let (uuid, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let cloud_id = || "orders.acct1".to_owned();
        let recovering = |subject| [Recovering { cell_id: "a".to_owned(), subject, held: 30 }];
        let subjects = [Pushed::KeySet, Pushed::Namespace(uuid), Pushed::Namespace(other)];
        for (repair, waits_for) in [
            (Repair::ApplyKeySet, Some(Pushed::KeySet)),
            (Repair::ApplyNamespace { uuid, cloud_id: cloud_id() }, Some(Pushed::Namespace(uuid))),
            (
                Repair::RemoveNamespace { uuid, cloud_id: cloud_id(), generation: 5 },
                Some(Pushed::Namespace(uuid)),
            ),
            (Repair::Recover { subject: Pushed::Namespace(uuid), held: 31 }, None),
        ] {
            assert!(!repair.waits(&[]), "{repair:?}");
            for subject in subjects {
                let waits = repair.waits(&recovering(subject));
                assert_eq!(waits, Some(subject) == waits_for, "{repair:?} where {subject:?} is recovering");
            }
        }
    }

    #[test]
    fn keys_come_first_and_unknown_namespaces_are_only_named() {
        let wanted = namespace("orders.acct1", 1);
        let stranger = namespace("default", 2);
        let plan = plan(std::slice::from_ref(&wanted), 3, &observed(2, &[(&stranger, 9)]));
        assert_eq!(plan.repairs[0], Repair::ApplyKeySet);
        assert_eq!(plan.repairs.len(), 2);
        assert_eq!(plan.unknown, ["default"]);
    }
}
