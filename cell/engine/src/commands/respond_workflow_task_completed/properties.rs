//! RECORD_MARKER, UPSERT_WORKFLOW_SEARCH_ATTRIBUTES, MODIFY_WORKFLOW_PROPERTIES.

use super::steps::Steps;
use super::{BadCommand, checks, sizes};
use crate::draft::{Draft, Extras};
use atoll_api::temporal::api::command::v1 as command;
use atoll_api::temporal::api::enums::v1::{EventType, WorkflowTaskFailedCause as Cause};
use atoll_api::temporal::api::history::v1 as history;
use atoll_api::temporal::api::history::v1::history_event::Attributes;

pub(super) fn marker(
    steps: &mut Steps<'_>,
    draft: &mut Draft<'_>,
    wanted: &command::RecordMarkerCommandAttributes,
    extras: Extras,
) -> Result<(), BadCommand> {
    let name = wanted.marker_name.as_str();
    let bad = |text: &str| {
        BadCommand::FailsTask(Cause::BadRecordMarkerAttributes, format!("BadRecordMarkerAttributes: {text}"))
    };
    if name.is_empty() {
        return Err(bad("MarkerName is not set on RecordMarkerCommand."));
    }
    let context = format_args!("MarkerName={name}");
    checks::length(steps.limits.id_length, "MarkerName", "RecordMarkerCommand", name, context)
        .map_err(|text| bad(&text))?;
    sizes::check(
        steps.limits.blob,
        Cause::BadRecordMarkerAttributes,
        "RecordMarkerCommandAttributes.Details",
        Some(wanted),
    )?;
    let recorded = history::MarkerRecordedEventAttributes {
        marker_name: wanted.marker_name.clone(),
        details: wanted.details.clone(),
        workflow_task_completed_event_id: steps.completed_event_id,
        header: wanted.header.clone(),
        failure: wanted.failure.clone(),
    };
    draft.event_with(EventType::MarkerRecorded, Attributes::MarkerRecordedEventAttributes(recorded), extras);
    Ok(())
}

pub(super) fn upsert_search_attributes(
    steps: &mut Steps<'_>,
    draft: &mut Draft<'_>,
    wanted: &command::UpsertWorkflowSearchAttributesCommandAttributes,
    extras: Extras,
) -> Result<(), BadCommand> {
    let bad = |text: &str| {
        BadCommand::FailsTask(Cause::BadSearchAttributes, format!("BadSearchAttributes: {text}"))
    };
    match wanted.search_attributes.as_ref().map(|fields| fields.indexed_fields.is_empty()) {
        None => return Err(bad("SearchAttributes is not set on UpsertWorkflowSearchAttributesCommand.")),
        Some(true) => {
            return Err(bad("IndexedFields is not set on UpsertWorkflowSearchAttributesCommand."));
        }
        Some(false) => {}
    }
    sizes::check(
        steps.limits.blob,
        Cause::BadSearchAttributes,
        "UpsertWorkflowSearchAttributesCommandAttributes",
        wanted.search_attributes.as_ref(),
    )?;
    let upserted = wanted.search_attributes.iter().flat_map(|fields| &fields.indexed_fields);
    let (bytes, limit) = (
        steps.search_attributes.take(&steps.run.info.search_attributes, upserted),
        steps.limits.search_attributes,
    );
    if bytes > limit {
        let text = format!(
            "BadSearchAttributes: total size of search attributes {bytes} exceeds size limit {limit}"
        );
        return Err(BadCommand::Terminates(Cause::BadSearchAttributes, text));
    }
    let upserted = history::UpsertWorkflowSearchAttributesEventAttributes {
        workflow_task_completed_event_id: steps.completed_event_id,
        search_attributes: wanted.search_attributes.clone(),
    };
    draft.event_with(
        EventType::UpsertWorkflowSearchAttributes,
        Attributes::UpsertWorkflowSearchAttributesEventAttributes(upserted),
        extras,
    );
    Ok(())
}

pub(super) fn modify(
    steps: &mut Steps<'_>,
    draft: &mut Draft<'_>,
    wanted: &command::ModifyWorkflowPropertiesCommandAttributes,
    extras: Extras,
) -> Result<(), BadCommand> {
    let what = match &wanted.upserted_memo {
        None => Some("UpsertedMemo"),
        Some(memo) => memo.fields.is_empty().then_some("UpsertedMemo.Fields"),
    };
    if let Some(what) = what {
        return Err(BadCommand::FailsTask(
            Cause::BadModifyWorkflowPropertiesAttributes,
            format!(
                "BadModifyWorkflowPropertiesAttributes: {what} is not set on ModifyWorkflowPropertiesCommand."
            ),
        ));
    }
    sizes::check(
        steps.limits.blob,
        Cause::BadModifyWorkflowPropertiesAttributes,
        "ModifyWorkflowPropertiesCommandAttributes",
        wanted.upserted_memo.as_ref(),
    )?;
    let upserted = wanted.upserted_memo.iter().flat_map(|memo| &memo.fields);
    if steps.memo.take(&steps.run.info.memo, upserted) > steps.limits.memo {
        let text = "BadModifyWorkflowPropertiesAttributes: ModifyWorkflowPropertiesCommandAttributes. \
                    Memo exceeds size limit.";
        return Err(BadCommand::Terminates(Cause::BadModifyWorkflowPropertiesAttributes, text.into()));
    }
    let modified = history::WorkflowPropertiesModifiedEventAttributes {
        workflow_task_completed_event_id: steps.completed_event_id,
        upserted_memo: wanted.upserted_memo.clone(),
    };
    draft.event_with(
        EventType::WorkflowPropertiesModified,
        Attributes::WorkflowPropertiesModifiedEventAttributes(modified),
        extras,
    );
    Ok(())
}
