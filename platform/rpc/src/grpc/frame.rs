/// Length of the prefix in front of each message.
pub(crate) const PREFIX: usize = 5;

/// What stands in front of a message on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Prefix {
    pub(crate) compressed: bool,
    /// Length of the message as sent.
    pub(crate) length: usize,
}

impl Prefix {
    /// Reads the prefix; none for a flag that the specification does not know.
    pub(crate) fn read(bytes: [u8; PREFIX]) -> Option<Self> {
        let [flag, length @ ..] = bytes;
        (flag <= 1).then(|| Self { compressed: flag == 1, length: u32::from_be_bytes(length) as usize })
    }

    pub(crate) fn bytes(self) -> [u8; PREFIX] {
        let length = u32::try_from(self.length).expect("messages are far below 4 GiB").to_be_bytes();
        [u8::from(self.compressed), length[0], length[1], length[2], length[3]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_reads_back_and_unknown_flags_do_not() {
        let prefix = Prefix { compressed: true, length: 70_000 };
        assert_eq!(Prefix::read(prefix.bytes()), Some(prefix));
        assert_eq!(Prefix::read([2, 0, 0, 0, 0]), None);
    }
}
