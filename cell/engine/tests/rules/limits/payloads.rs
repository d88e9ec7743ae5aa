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
