//! Requests that are passed on as they were packed: who forwards a few thousand bytes that unpack to millions sends on
//! what it got.

use std::io::Read;

use atoll_api::call::{MethodInfo, Status};
use flate2::read::GzDecoder;

use super::gzip::{SLICE, failed, too_large};
use crate::large::Slices;

/// Longest name of a namespace that is looked for: no cell has one of that length.
const MAX_NAME: usize = 4 * 1024;

/// In [`CallContext::extensions`](atoll_api::call::CallContext::extensions) of a call whose message is packed still;
/// see [`DispatcherBuilder::pass_packed`](crate::DispatcherBuilder::pass_packed).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// The namespace that the message names first, where its method has one.
    pub namespace: Option<String>,
}

impl Packed {
    /// Unpacks a message as far as its namespace, keeping nothing, with pauses in which other calls go on. Refuses one
    /// of more than `limit` bytes up to there.
    pub(super) async fn look(
        message: &[u8],
        method: Option<&MethodInfo>,
        limit: usize,
        slices: &mut Slices<'_>,
    ) -> Result<Self, Status> {
        let Some(field) = method.and_then(|method| method.namespace_field) else {
            return Ok(Self { namespace: None });
        };
        let (mut decoder, mut looking) = (GzDecoder::new(message), Looking::new(field));
        let (mut window, mut unpacked) = (vec![0; WINDOW], 0);
        loop {
            let mut slice = 0;
            while slice < SLICE {
                let read = decoder.read(&mut window).map_err(failed)?;
                if read == 0 {
                    return Ok(Self { namespace: None });
                }
                (slice, unpacked) = (slice + read, unpacked + read);
                if unpacked > limit {
                    return Err(too_large(limit));
                }
                match looking.take(&window[..read]) {
                    Seen::Nothing => {}
                    Seen::Name(namespace) => return Ok(Self { namespace }),
                }
            }
            slices.next().await?;
        }
    }
}

/// Bytes unpacked at once.
const WINDOW: usize = 4 * 1024;

/// What a piece of a message says.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    /// Nothing yet.
    Nothing,
    /// The name; none where there will be none that can be read.
    Name(Option<String>),
}

/// A text field that is looked for in a message that comes in pieces.
struct Looking {
    field: u64,
    state: State,
}

enum State {
    /// Within the number and type of a field.
    Key(Varint),
    /// Within a number.
    Number(Varint),
    /// Within the length of a field's bytes, which are looked for or not.
    Length(Varint, bool),
    /// So many bytes are of no interest.
    Skip(u64),
    /// So many bytes of the text are to come.
    Text(usize, Vec<u8>),
}

/// The message is none, or its name is none that a namespace has.
struct Unreadable;

/// A number of seven bits a byte.
#[derive(Default)]
struct Varint {
    value: u64,
    bits: u32,
}

impl Varint {
    /// The number, with its last byte.
    fn take(&mut self, byte: u8) -> Result<Option<u64>, Unreadable> {
        self.value |= u64::from(byte & 0x7f).checked_shl(self.bits).ok_or(Unreadable)?;
        self.bits += 7;
        Ok((byte < 0x80).then_some(self.value))
    }
}

impl State {
    fn next_field() -> Self {
        Self::Key(Varint::default())
    }

    /// By the type of the field (wire types of protobuf); groups are not read.
    fn behind_key(key: u64, field: u64) -> Result<Self, Unreadable> {
        match key & 7 {
            0 => Ok(Self::Number(Varint::default())),
            1 => Ok(Self::Skip(8)),
            2 => Ok(Self::Length(Varint::default(), key >> 3 == field)),
            5 => Ok(Self::Skip(4)),
            _ => Err(Unreadable),
        }
    }

    fn behind_length(length: u64, wanted: bool) -> Result<Self, Unreadable> {
        match (wanted, usize::try_from(length)) {
            (_, Ok(0)) => Ok(Self::next_field()),
            (false, _) => Ok(Self::Skip(length)),
            (true, Ok(length)) if length <= MAX_NAME => Ok(Self::Text(length, Vec::with_capacity(length))),
            (true, _) => Err(Unreadable),
        }
    }
}

impl Looking {
    fn new(field: u32) -> Self {
        Self { field: field.into(), state: State::next_field() }
    }

    fn take(&mut self, piece: &[u8]) -> Seen {
        match self.walk(piece) {
            Ok(None) => Seen::Nothing,
            Ok(Some(text)) => Seen::Name(String::from_utf8(text).ok()),
            Err(Unreadable) => Seen::Name(None),
        }
    }

    fn walk(&mut self, mut piece: &[u8]) -> Result<Option<Vec<u8>>, Unreadable> {
        while let [byte, rest @ ..] = piece {
            match &mut self.state {
                State::Key(number) => {
                    if let Some(key) = number.take(*byte)? {
                        self.state = State::behind_key(key, self.field)?;
                    }
                    piece = rest;
                }
                State::Number(number) => {
                    if number.take(*byte)?.is_some() {
                        self.state = State::next_field();
                    }
                    piece = rest;
                }
                State::Length(number, wanted) => {
                    let wanted = *wanted;
                    if let Some(length) = number.take(*byte)? {
                        self.state = State::behind_length(length, wanted)?;
                    }
                    piece = rest;
                }
                State::Skip(left) => {
                    let skipped = (*left).min(piece.len() as u64);
                    *left -= skipped;
                    piece = &piece[skipped as usize..];
                    if *left == 0 {
                        self.state = State::next_field();
                    }
                }
                State::Text(left, text) => {
                    let (here, behind) = piece.split_at((*left).min(piece.len()));
                    text.extend_from_slice(here);
                    *left -= here.len();
                    if *left == 0 {
                        return Ok(Some(std::mem::take(text)));
                    }
                    piece = behind;
                }
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use atoll_api::call::{CallContext, Code, string_field};
    use atoll_api::temporal::api::workflowservice::v1::workflow_service;

    use super::super::gzip::zip;
    use super::*;
    use crate::grpc::PREFIX;
    use crate::large::LargeRequests;
    use crate::quota::Holder;

    const NAMESPACE: u32 = 9;

    fn seen(pieces: &[&[u8]]) -> Seen {
        let mut looking = Looking::new(NAMESPACE);
        let seen = pieces.iter().map(|piece| looking.take(piece)).find(|seen| *seen != Seen::Nothing);
        seen.unwrap_or(Seen::Nothing)
    }

    #[test]
    fn a_name_is_found_however_the_message_is_cut_and_whatever_stands_before_it() {
        let before = [
            &[0x0a, 0x03, 1, 2, 3][..],
            &[0x10, 0xff, 0x7f],
            &[0x1d, 1, 2, 3, 4],
            &[0x21, 1, 2, 3, 4, 5, 6, 7, 8],
            &[0x4a, 0],
        ]
        .concat();
        let message = [&before[..], &[0x4a, 6], b"orders", &[0x12, 0]].concat();
        assert_eq!(string_field(&message[..message.len() - 2], NAMESPACE), Some("orders"));
        let name = || Seen::Name(Some("orders".to_owned()));
        assert_eq!(seen(&[&message]), name());
        for cut in 0..message.len() {
            let (head, tail) = message.split_at(cut);
            assert_eq!(seen(&[head, tail]), name(), "cut at {cut}");
        }
        assert_eq!(seen(&[&before]), Seen::Nothing);
        let wrong = [&[0x4a, 1, 0xff][..], &[0x0b], &[0x4a, 0xff, 0xff, 0xff, 0x7f], &[0xff; 12]];
        for wrong in wrong {
            assert_eq!(seen(&[wrong]), Seen::Name(None), "{wrong:?}");
        }
    }

    #[tokio::test]
    async fn a_message_is_unpacked_as_far_as_its_namespace() {
        let requests = LargeRequests::new();
        let look = async |message: &[u8], method: &'static MethodInfo, limit| {
            let mut slices = requests.of(Holder::of(&CallContext::unknown("/s/m")));
            Packed::look(message, Some(method), limit, &mut slices).await.map(|packed| packed.namespace)
        };
        let completed = workflow_service::RESPOND_WORKFLOW_TASK_COMPLETED.info();
        assert_eq!(completed.namespace_field, Some(NAMESPACE));
        let name = [&[0x4a, 6][..], b"orders"].concat();
        let mut filler = vec![0x12];
        prost::encoding::encode_varint(1 << 20, &mut filler);
        filler.resize(filler.len() + (1 << 20), 0);
        let first = zip(&[&name[..], &filler].concat()).await.unwrap();
        let last = zip(&[&filler[..], &name].concat()).await.unwrap();
        let (first, last) = (&first[PREFIX..], &last[PREFIX..]);
        let orders = || Ok(Some("orders".to_owned()));
        assert_eq!(look(first, completed, 2 << 20).await, orders());
        assert_eq!(
            look(&first[..first.len() / 2], completed, 2 << 20).await,
            orders(),
            "the rest is not looked at"
        );
        assert_eq!(look(last, completed, 2 << 20).await, orders());
        assert_eq!(look(last, completed, 1 << 20).await.unwrap_err().code, Code::ResourceExhausted);
        assert_eq!(look(b"not gzip", completed, 100).await.unwrap_err().code, Code::Internal);
        let info = workflow_service::GET_SYSTEM_INFO.info();
        assert_eq!(look(b"not looked at", info, 100).await, Ok(None));
    }
}
