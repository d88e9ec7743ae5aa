//! Payloads of commands, at their limit and a byte above.

use super::*;

fn payload() -> Payload {
    Payload { data: vec![0; 300].into(), ..Default::default() }
}

fn payloads() -> Payloads {
    Payloads { payloads: vec![payload()] }
}

fn memo() -> Memo {
    Memo { fields: [("m".to_owned(), payload())].into() }
}

/// Commands whose payload is held to a limit: the bytes that count, the cause and the text of what is above.
fn carrying() -> [(Command, usize, Cause, &'static str); 11] {
    let input = payloads().encoded_len();
    let marker = wanted::RecordMarkerCommandAttributes {
        marker_name: "m".into(),
        details: [("d".to_owned(), payloads())].into(),
        ..Default::default()
    };
    let marker_bytes = marker.encoded_len();
    let indexed = SearchAttributes { indexed_fields: [("a".to_owned(), payload())].into() };
    let indexed_bytes = indexed.encoded_len();
    let upsert = wanted::UpsertWorkflowSearchAttributesCommandAttributes { search_attributes: Some(indexed) };
    let modify = wanted::ModifyWorkflowPropertiesCommandAttributes { upserted_memo: Some(memo()) };
    let complete = wanted::CompleteWorkflowExecutionCommandAttributes { result: Some(payloads()) };
    let failure = Failure { message: "x".repeat(300), ..Default::default() };
    let failure_bytes = failure.encoded_len();
    let fail = wanted::FailWorkflowExecutionCommandAttributes { failure: Some(failure) };
    [
        (
            wanted_activity(|a| a.input = Some(payloads())),
            input,
            Cause::BadScheduleActivityAttributes,
            "BadScheduleActivityAttributes: ScheduleActivityTaskCommandAttributes.Input exceeds size limit.",
        ),
        (
            wanted_child(|c| c.input = Some(payloads())),
            input,
            Cause::BadStartChildExecutionAttributes,
            "BadStartChildExecutionAttributes: StartChildWorkflowExecutionCommandAttributes. Input exceeds size limit.",
        ),
        (
            wanted_child(|c| c.memo = Some(memo())),
            memo().encoded_len(),
            Cause::BadStartChildExecutionAttributes,
            "BadStartChildExecutionAttributes: StartChildWorkflowExecutionCommandAttributes.Memo exceeds size limit.",
        ),
        (
            successor(|n| n.input = Some(payloads())),
            input,
            Cause::BadContinueAsNewAttributes,
            "BadContinueAsNewAttributes: ContinueAsNewWorkflowExecutionCommandAttributes. Input exceeds size limit.",
        ),
        (
            successor(|n| n.memo = Some(memo())),
            memo().encoded_len(),
            Cause::BadContinueAsNewAttributes,
            "BadContinueAsNewAttributes: ContinueAsNewWorkflowExecutionCommandAttributes. Memo exceeds size limit.",
        ),
        (
            wanted_signal(Some(payloads())),
            input,
            Cause::BadSignalWorkflowExecutionAttributes,
            "BadSignalWorkflowExecutionAttributes: SignalExternalWorkflowExecutionCommandAttributes.Input exceeds size limit.",
        ),
        (
            command(CommandType::RecordMarker, Wanted::RecordMarkerCommandAttributes(marker)),
            marker_bytes,
            Cause::BadRecordMarkerAttributes,
            "BadRecordMarkerAttributes: RecordMarkerCommandAttributes.Details exceeds size limit.",
        ),
        (
            command(
                CommandType::UpsertWorkflowSearchAttributes,
                Wanted::UpsertWorkflowSearchAttributesCommandAttributes(upsert),
            ),
            indexed_bytes,
            Cause::BadSearchAttributes,
            "BadSearchAttributes: UpsertWorkflowSearchAttributesCommandAttributes exceeds size limit.",
        ),
        (
            command(
                CommandType::ModifyWorkflowProperties,
                Wanted::ModifyWorkflowPropertiesCommandAttributes(modify),
            ),
            memo().encoded_len(),
            Cause::BadModifyWorkflowPropertiesAttributes,
            "BadModifyWorkflowPropertiesAttributes: ModifyWorkflowPropertiesCommandAttributes exceeds size limit.",
        ),
        (
            command(
                CommandType::CompleteWorkflowExecution,
                Wanted::CompleteWorkflowExecutionCommandAttributes(complete),
            ),
            input,
            Cause::BadScheduleActivityAttributes,
            "BadScheduleActivityAttributes: CompleteWorkflowExecutionCommandAttributes.Result exceeds size limit.",
        ),
        (
            command(CommandType::FailWorkflowExecution, Wanted::FailWorkflowExecutionCommandAttributes(fail)),
            failure_bytes,
            Cause::BadFailWorkflowExecutionAttributes,
            "BadFailWorkflowExecutionAttributes: FailWorkflowExecutionCommandAttributes.Failure exceeds size limit.",
        ),
    ]
}

#[test]
fn a_payload_may_be_as_large_as_the_limit_says() {
    let mut life = Life::started();
    let task = life.take_task();
    for (command, bytes, cause, text) in carrying() {
        let answer = |blob| {
            let mut life = life.clone();
            life.limits.blob = blob;
            (life.complete(task, vec![command.clone()]), life)
        };
        assert_eq!(answer(bytes).0, Ok(()), "{text}");
        let (refused, life) = answer(bytes - 1);
        assert_eq!(refused, Err(Rejection::InvalidArgument(text.into())));
        assert_eq!(reason(&life), (text.into(), "history-service".into()));
        let Some(A::WorkflowTaskFailedEventAttributes(failed)) =
            &life.history[life.history.len() - 2].attributes
        else {
            panic!("{:?}", life.history)
        };
        assert_eq!(failed.cause(), cause, "{text}");
    }
}

/// Memo and search attributes stand in every list and every answer about the run.
#[test]
fn what_upserts_make_together_is_held_to_a_limit_of_its_own() {
    let fields = |name: &str| [(name.to_owned(), payload())].into();
    let modify = |name: &str| {
        let upserted_memo = Some(Memo { fields: fields(name) });
        let modify = wanted::ModifyWorkflowPropertiesCommandAttributes { upserted_memo };
        command(
            CommandType::ModifyWorkflowProperties,
            Wanted::ModifyWorkflowPropertiesCommandAttributes(modify),
        )
    };
    let upsert = |name: &str| {
        let search_attributes = Some(SearchAttributes { indexed_fields: fields(name) });
        let upsert = wanted::UpsertWorkflowSearchAttributesCommandAttributes { search_attributes };
        command(
            CommandType::UpsertWorkflowSearchAttributes,
            Wanted::UpsertWorkflowSearchAttributesCommandAttributes(upsert),
        )
    };
    let (one, two) = (memo().encoded_len(), 2 * memo().encoded_len());
    let memo_text = "BadModifyWorkflowPropertiesAttributes: ModifyWorkflowPropertiesCommandAttributes. \
                     Memo exceeds size limit.";
    let attributes_text =
        format!("BadSearchAttributes: total size of search attributes {two} exceeds size limit {}", two - 1);
    type Upsert<'a> = &'a dyn Fn(&str) -> Command;
    for (upsert, text) in [(&modify as Upsert<'_>, memo_text), (&upsert, &attributes_text)] {
        for in_one_answer in [true, false] {
            let answer = |limit: usize, names: [&str; 2]| {
                let mut life = Life::started();
                (life.limits.memo, life.limits.search_attributes) = (limit, limit);
                let [first, second] = names.map(upsert);
                if in_one_answer {
                    let task = life.take_task();
                    (life.complete(task, vec![first, second]), life)
                } else {
                    life.run_task(vec![first]);
                    life.signal();
                    let task = life.take_task();
                    (life.complete(task, vec![second]), life)
                }
            };
            assert_eq!(answer(two, ["a", "b"]).0, Ok(()), "{text}");
            assert_eq!(answer(one, ["a", "a"]).0, Ok(()), "a field that is set again counts once");
            let (refused, life) = answer(two - 1, ["a", "b"]);
            assert_eq!(refused, Err(Rejection::InvalidArgument(text.into())));
            assert_eq!(reason(&life), (text.into(), "history-service".into()));
        }
    }
}
