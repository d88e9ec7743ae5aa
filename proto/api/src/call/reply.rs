use bytes::Bytes;
use http::HeaderMap;
use prost::Message;

/// Length of the gRPC message prefix: one flag byte and the length.
const PREFIX: usize = 5;

/// An encoded answer with the metadata that goes before it.
///
/// An answer made by [`Reply::encode`] holds the gRPC message prefix in front of the message in one buffer, so that a
/// transport sends it without copying.
#[derive(Debug, Default)]
pub struct Reply {
    body: Bytes,
    framed: bool,
    headers: Option<Box<HeaderMap>>,
    settled: bool,
}

impl Reply {
    /// Encodes `message`.
    pub fn encode<M: Message>(message: &M) -> Self {
        let length = message.encoded_len();
        let mut buffer = Vec::with_capacity(PREFIX + length);
        buffer.extend_from_slice(&prefix(length));
        message.encode_raw(&mut buffer);
        Self { body: buffer.into(), framed: true, ..Self::default() }
    }

    /// An answer that is encoded already.
    pub fn from_message(message: Bytes) -> Self {
        Self { body: message, ..Self::default() }
    }

    /// Adds metadata that goes before the message.
    pub fn with_headers(mut self, headers: HeaderMap) -> Self {
        self.headers = (!headers.is_empty()).then(|| Box::new(headers));
        self
    }

    /// The same, which goes to its caller even where there is no room for it: whoever made it has bounded it and counts
    /// it as delivered, and would not hear that it was refused.
    pub fn settled(mut self) -> Self {
        self.settled = true;
        self
    }

    /// Whether it is not refused any more; see [`settled`](Self::settled).
    pub fn is_settled(&self) -> bool {
        self.settled
    }

    /// Metadata that goes before the message.
    pub fn headers(&self) -> Option<&HeaderMap> {
        self.headers.as_deref()
    }

    /// Takes the metadata out.
    pub fn take_headers(&mut self) -> Option<HeaderMap> {
        self.headers.take().map(|headers| *headers)
    }

    /// The encoded message.
    pub fn message(&self) -> &[u8] {
        if self.framed { &self.body[PREFIX..] } else { &self.body }
    }

    /// The encoded message, without copying it.
    pub fn into_message(mut self) -> Bytes {
        if self.framed { self.body.split_off(PREFIX) } else { self.body }
    }

    /// The message behind its uncompressed gRPC prefix, copied only where the answer came without one.
    pub fn into_frame(self) -> Bytes {
        if self.framed {
            return self.body;
        }
        [&prefix(self.body.len())[..], &self.body].concat().into()
    }
}

fn prefix(length: usize) -> [u8; PREFIX] {
    let length = u32::try_from(length).expect("messages are far below 4 GiB").to_be_bytes();
    [0, length[0], length[1], length[2], length[3]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_give_the_same_message_and_frame() {
        let message = prost_types::Duration { seconds: 3, nanos: 4 };
        let encoded = Bytes::from(message.encode_to_vec());
        let made: [&dyn Fn() -> Reply; 2] =
            [&|| Reply::encode(&message), &|| Reply::from_message(encoded.clone())];
        for reply in made {
            assert_eq!(reply().message(), encoded);
            assert_eq!(reply().into_message(), encoded);
            let frame = reply().into_frame();
            assert_eq!(&frame[..5], [0, 0, 0, 0, encoded.len() as u8]);
            assert_eq!(frame[5..], encoded);
        }
    }
}
