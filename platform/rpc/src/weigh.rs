//! What a large request takes while its call goes on.

use atoll_api::call::{Bytes, Decodes, Status};

use crate::dispatch::{Dispatcher, EntryId};
use crate::large::Slices;
use crate::quota::Reservation;
use crate::values;

/// A message that is no larger than a frame, unpacked or not, is not counted for its encoding.
pub(crate) const UNCOUNTED: usize = 16 * 1024;

/// What is no larger is not weighed: it comes to a megabyte decoded, and calls are decoded one after the other.
const UNWEIGHED: usize = 2 * 1024;

/// How often fields that may come once may come again: no encoder writes one twice, but who joins two messages does.
const MOST_AGAIN: usize = 1_000;

/// What a request is weighed with.
pub(crate) struct Weighing<'c> {
    held: &'c mut Reservation,
    slices: Slices<'c>,
}

impl<'c> Weighing<'c> {
    /// None for a request that is not weighed. Apart, so that a call that waits is no larger than waiting takes.
    pub(crate) fn of(message: &[u8], held: &'c mut Reservation, slices: Slices<'c>) -> Option<Box<Self>> {
        (message.len() > UNWEIGHED).then(|| Box::new(Self { held, slices }))
    }
}

/// Holds also what a large request takes once it is decoded: one of a million empty values takes fifty times its bytes.
/// Others have their turn meanwhile, and what there is no room for is looked at no further. What is held of the
/// encoding is given back once nothing refers to it any more, the rest with what is held of the call.
pub(crate) async fn weigh(
    dispatcher: &Dispatcher,
    entry: Option<EntryId>,
    message: Bytes,
    weighing: Box<Weighing<'_>>,
) -> Result<Bytes, Status> {
    let Weighing { held, mut slices } = *weighing;
    if is_decoded(dispatcher.decodes(entry), &message, &mut slices).await? {
        hold_decoded(dispatcher, entry, &message, held, &mut slices).await?;
    }
    Ok(held.attach_until_call_ends(message))
}

/// Whether anything of the message will be decoded.
async fn is_decoded(decodes: Decodes, message: &[u8], slices: &mut Slices<'_>) -> Result<bool, Status> {
    let Decodes::UpTo { field, times } = decodes else { return Ok(decodes == Decodes::All) };
    let mut stands = 0;
    let mut parts = values::times(message, field).peekable();
    while let Some(some) = parts.next() {
        stands += some;
        if stands > times {
            return Ok(false);
        }
        if message.len() > UNCOUNTED && parts.peek().is_some() {
            slices.next().await?;
        }
    }
    Ok(true)
}

/// Holds what a message takes once it is decoded, beside its encoding.
async fn hold_decoded(
    dispatcher: &Dispatcher,
    entry: Option<EntryId>,
    message: &[u8],
    held: &mut Reservation,
    slices: &mut Slices<'_>,
) -> Result<(), Status> {
    let known = entry.map(|entry| dispatcher.method(entry).request);
    let Some(descriptor) = known.and_then(|name| dispatcher.descriptors().get_message_by_name(name)) else {
        return Ok(());
    };
    let (mut weight, mut again) = (0, 0);
    let mut parts = values::weights(&descriptor, message).peekable();
    while let Some(some) = parts.next() {
        weight += some.bytes;
        again += some.again;
        if again > MOST_AGAIN {
            let text =
                format!("a request has fields that it may have once again, more than {MOST_AGAIN} times");
            return Err(Status::invalid_argument(text));
        }
        held.resize(message.len() + weight)?;
        if message.len() > UNCOUNTED && parts.peek().is_some() {
            slices.next().await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use atoll_api::call::{BoxFuture, CallContext, MethodInfo, RawService, Reply, ServiceInfo};
    use atoll_api::temporal::api::workflowservice::v1::workflow_service;

    use futures::FutureExt;

    use super::*;
    use crate::large::LargeRequests;
    use crate::quota::{Holder, Quota};

    const COMMANDS: u32 = 2;

    struct Service(Decodes);

    impl RawService for Service {
        fn info(&self) -> &'static ServiceInfo {
            &workflow_service::SERVICE
        }

        fn decodes(&self, _: &'static MethodInfo) -> Decodes {
            self.0
        }

        fn call<'a>(
            &'a self,
            _: &'a CallContext,
            _: &'static MethodInfo,
            _: Bytes,
        ) -> BoxFuture<'a, Result<Reply, Status>> {
            unreachable!("nobody calls")
        }
    }

    fn caller() -> Holder {
        Holder::of(&CallContext::unknown("/s/m"))
    }

    /// What is held, beside its encoding, of a completion with so many commands that say nothing.
    async fn held_of(commands: usize, decodes: Decodes) -> usize {
        let dispatcher = Dispatcher::builder("test").service(Arc::new(Service(decodes))).build().unwrap();
        let entry = dispatcher.find(workflow_service::RESPOND_WORKFLOW_TASK_COMPLETED.info().path);
        let message = Bytes::from([0x12, 0].repeat(commands));
        let room = Quota::new(1 << 30, "full");
        let mut held = room.reserve(caller());
        held.resize(message.len()).unwrap();
        let requests = LargeRequests::new();
        let weighing = Weighing::of(&message, &mut held, requests.of(caller())).expect("it is large");
        let weighed = weigh(&dispatcher, entry, message.clone(), weighing).await.unwrap();
        assert_eq!(weighed, message);
        held.bytes()
    }

    #[tokio::test]
    async fn a_request_is_held_for_what_is_decoded_of_it() {
        const MANY: usize = 9_000;
        let whole = held_of(MANY, Decodes::All).await;
        assert!(whole > 50 * MANY, "{whole}");
        assert_eq!(held_of(MANY, Decodes::Nothing).await, 0);
        for (field, times, expected) in
            [(COMMANDS, MANY, whole), (COMMANDS, MANY - 1, 0), (COMMANDS, 0, 0), (COMMANDS + 1, 0, whole)]
        {
            assert_eq!(held_of(MANY, Decodes::UpTo { field, times }).await, expected, "{field}: {times}");
        }
    }

    /// What few fields fill is looked at in one piece, which needs no turn.
    #[tokio::test]
    async fn a_request_of_few_fields_waits_for_no_other_of_its_caller() {
        // A task token, and nothing else.
        let message = Bytes::from([&[0x0a, 0xa0, 0x9c, 0x01][..], &[7; 20_000]].concat());
        assert!(message.len() > UNCOUNTED);
        let room = Quota::new(1 << 30, "full");
        let requests = LargeRequests::new();
        let mut another = requests.of(caller());
        another.next().await.unwrap();
        for decodes in [Decodes::All, Decodes::UpTo { field: COMMANDS, times: 9 }] {
            let dispatcher = Dispatcher::builder("test").service(Arc::new(Service(decodes))).build().unwrap();
            let entry = dispatcher.find(workflow_service::RESPOND_WORKFLOW_TASK_COMPLETED.info().path);
            let mut held = room.reserve(caller());
            held.resize(message.len()).unwrap();
            let weighing = Weighing::of(&message, &mut held, requests.of(caller())).expect("it is large");
            let weighed = weigh(&dispatcher, entry, message.clone(), weighing).now_or_never();
            assert_eq!(weighed.expect("at once").unwrap(), message);
        }
    }
}
