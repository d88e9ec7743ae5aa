//! Random filters over random records: the engine finds what the evaluator finds.

use atoll_internal_api::entity::EntityKind;

use super::fixture::{SECOND, closed, listed, open, upsert};
use crate::{
    filter::{expr::CompareOp, predicate::Predicate},
    record::{ExecutionRef, RecordId, VisibilityRecord},
    schema::{Attribute, Field, SystemField},
    status::ExecutionStatus,
    store::{PageToken, VisibilityStore},
    value::{AttributeType, Value},
};

const RECORDS: u128 = 120;
const FILTERS: usize = 300;

/// A fixed sequence (xorshift), so that a failure is found again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }

    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.roll(of.len() as u64) as usize].clone()
    }

    fn chance(&mut self, of: u64) -> bool {
        self.roll(of) == 0
    }

    /// One of few words that begin alike.
    fn word(&mut self) -> String {
        self.pick(&["a", "ab", "abc", "B", "b", "", "a b", "b c", "a\0", "\u{1f980}"]).to_owned()
    }

    fn value(&mut self, of: AttributeType) -> Value {
        match of {
            AttributeType::Text => Value::Text(format!("x {} {}", self.word(), self.word())),
            AttributeType::Keyword => Value::Keyword(self.word()),
            AttributeType::Int => Value::Int(self.roll(7) as i64 - 3),
            AttributeType::Double => Value::Double(self.roll(7) as f64 / 2.0 - 1.5),
            AttributeType::Bool => Value::Bool(self.chance(2)),
            AttributeType::Datetime => Value::Datetime(open(self.roll(12).into()).start_time),
            AttributeType::KeywordList => {
                Value::KeywordList((0..=self.roll(3)).map(|_| self.word()).collect())
            }
        }
    }

    fn record(&mut self, number: u128) -> VisibilityRecord {
        let relative =
            ExecutionRef { workflow_id: self.word(), run_id: uuid::Uuid::from_u128(number + 1_000) };
        let start = open(self.roll(12).into());
        let mut record = if self.chance(2) {
            open(number)
        } else {
            let status = ExecutionStatus::ALL[1 + self.roll(6) as usize];
            closed(number, self.roll(5) as i64, status)
        };
        (record.start_time, record.execution_time) = (start.start_time, start.start_time + SECOND);
        (record.workflow_id, record.workflow_type) = (self.word(), self.word());
        record.parent = self.chance(2).then(|| relative.clone());
        record.root = self.chance(2).then_some(relative);
        record.division = self.chance(4).then(|| self.word());
        if self.chance(4) {
            let kind = EntityKind::numbered(3 + self.roll(2) as u8);
            record.id = RecordId::Singleton { kind, id: format!("{number}{}", self.word()).into() };
        }
        for of in AttributeType::ALL {
            if !self.chance(3) {
                let value = self.value(of);
                record.search_attributes.insert(format!("My{of}"), value);
            }
        }
        record
    }

    fn attribute(&mut self) -> Attribute {
        const FIELDS: [SystemField; 11] = [
            SystemField::RunId,
            SystemField::WorkflowId,
            SystemField::WorkflowType,
            SystemField::ExecutionStatus,
            SystemField::ParentWorkflowId,
            SystemField::RootWorkflowId,
            SystemField::NamespaceDivision,
            SystemField::StartTime,
            SystemField::ExecutionTime,
            SystemField::CloseTime,
            SystemField::HistoryLength,
        ];
        if self.chance(2) {
            return Attribute::system(self.pick(&FIELDS));
        }
        let of = self.pick(&AttributeType::ALL);
        Attribute::search(format!("My{of}"), of)
    }

    /// A constant to compare the attribute with.
    fn constant(&mut self, attribute: &Attribute) -> Value {
        if attribute.field == Field::System(SystemField::ExecutionStatus) {
            return Value::Keyword(self.pick(&ExecutionStatus::ALL).name().to_owned());
        }
        match attribute.value_type {
            AttributeType::KeywordList => Value::Keyword(self.word()),
            AttributeType::Text => Value::Text(self.pick(&["a", "AB", "b c", "abc", "none"]).to_owned()),
            AttributeType::Int if self.chance(4) => Value::Double(self.roll(7) as f64 / 2.0),
            of => self.value(of),
        }
    }

    fn predicate(&mut self, depth: u32) -> Predicate {
        if depth > 0 && !self.chance(3) {
            let operands: Vec<_> = (0..self.roll(4)).map(|_| self.predicate(depth - 1)).collect();
            return match self.roll(3) {
                0 => Predicate::And(operands),
                1 => Predicate::Or(operands),
                _ => Predicate::Not(Box::new(self.predicate(depth - 1))),
            };
        }
        let attribute = self.attribute();
        let negated = self.chance(2);
        let ordered = attribute.field != Field::System(SystemField::ExecutionStatus)
            && !matches!(
                attribute.value_type,
                AttributeType::Text | AttributeType::Bool | AttributeType::KeywordList
            );
        let listed = !matches!(attribute.value_type, AttributeType::Text | AttributeType::Bool);
        match self.roll(6) {
            0 => Predicate::IsNull { attribute, negated },
            1 if listed => {
                let values = (0..=self.roll(3)).map(|_| self.constant(&attribute)).collect();
                Predicate::In { attribute, negated, values }
            }
            2 if ordered => {
                let (low, high) = (self.constant(&attribute), self.constant(&attribute));
                Predicate::Between { attribute, negated, low, high }
            }
            3 if ordered && attribute.value_type == AttributeType::Keyword => {
                Predicate::StartsWith { attribute, negated, prefix: self.word() }
            }
            4 if ordered => {
                let op = self.pick(&[
                    CompareOp::Less,
                    CompareOp::LessOrEqual,
                    CompareOp::Greater,
                    CompareOp::GreaterOrEqual,
                ]);
                let value = self.constant(&attribute);
                Predicate::Compare { attribute, op, value }
            }
            _ => {
                let op = if negated { CompareOp::NotEqual } else { CompareOp::Equal };
                let value = self.constant(&attribute);
                Predicate::Compare { attribute, op, value }
            }
        }
    }
}

pub(super) async fn random_filters_agree_with_the_evaluator(store: &dyn VisibilityStore) {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut records: Vec<_> = (1..=RECORDS).map(|number| dice.record(number)).collect();
    upsert(store, &records).await;
    records.sort_by_key(|record| {
        let place = PageToken::of(record);
        (std::cmp::Reverse(place.close_order()), std::cmp::Reverse(place.start_time), place.id)
    });
    for _ in 0..FILTERS {
        let predicate = dice.predicate(3);
        let found = listed(store, &predicate).await;
        let expected: Vec<_> = records.iter().filter(|record| predicate.matches(record)).cloned().collect();
        let ids = |of: &[VisibilityRecord]| of.iter().map(|record| record.id.clone()).collect::<Vec<_>>();
        assert_eq!(ids(&found), ids(&expected), "{predicate:?}");
        assert_eq!(found, expected, "{predicate:?}");
        let count = store.count(super::fixture::NAMESPACE, &predicate, None).await.expect("counts");
        assert_eq!(count.total, expected.len() as u64, "{predicate:?}");
    }
}
