//! Text to tokens.

use super::error::FilterError;

/// A word that stands for something in the grammar, in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keyword {
    And,
    Or,
    Not,
    In,
    Between,
    Is,
    Null,
    StartsWith,
    True,
    False,
    Group,
    Order,
    By,
    Limit,
    Like,
}

const KEYWORDS: [(&str, Keyword); 15] = [
    ("and", Keyword::And),
    ("or", Keyword::Or),
    ("not", Keyword::Not),
    ("in", Keyword::In),
    ("between", Keyword::Between),
    ("is", Keyword::Is),
    ("null", Keyword::Null),
    ("starts_with", Keyword::StartsWith),
    ("true", Keyword::True),
    ("false", Keyword::False),
    ("group", Keyword::Group),
    ("order", Keyword::Order),
    ("by", Keyword::By),
    ("limit", Keyword::Limit),
    ("like", Keyword::Like),
];

/// One token.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    Keyword(Keyword),
    /// A name, with or without back-ticks.
    Name(String),
    String(String),
    Int(i64),
    Double(f64),
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Open,
    Close,
    Comma,
}

/// A token and where it stands: bytes from zero.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Spanned {
    pub(crate) token: Token,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// Whether a name needs no back-ticks for its characters.
pub(crate) fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(starts_name) && chars.all(continues_name)
}

/// Whether a name needs back-ticks because it is a word of the grammar.
pub(crate) fn is_reserved(text: &str) -> bool {
    keyword(text).is_some()
}

fn keyword(text: &str) -> Option<Keyword> {
    KEYWORDS.iter().find(|(word, _)| text.eq_ignore_ascii_case(word)).map(|(_, keyword)| *keyword)
}

fn starts_name(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_'
}

fn continues_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// All tokens of a text.
pub(crate) fn tokens(text: &str) -> Result<Vec<Spanned>, FilterError> {
    let mut lexer = Lexer { text, at: 0 };
    let mut tokens = Vec::new();
    while let Some(token) = lexer.next()? {
        tokens.push(token);
    }
    Ok(tokens)
}

/// The error of a text that stops making sense at `start`.
pub(crate) fn malformed(text: &str, start: usize, end: usize, message: impl Into<String>) -> FilterError {
    let found = text.get(start..end).unwrap_or_default();
    // Enough to recognise the place, whatever was pasted.
    let found = found.chars().take(40).collect();
    FilterError::Malformed { message: message.into(), position: start + 1, found }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl Lexer<'_> {
    fn next(&mut self) -> Result<Option<Spanned>, FilterError> {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
        let start = self.at;
        let Some(first) = self.peek() else { return Ok(None) };
        let token = match first {
            '(' => self.symbol(1, Token::Open),
            ')' => self.symbol(1, Token::Close),
            ',' => self.symbol(1, Token::Comma),
            '=' => self.symbol(1, Token::Equal),
            '!' if self.follows("!=") => self.symbol(2, Token::NotEqual),
            '<' if self.follows("<>") => self.symbol(2, Token::NotEqual),
            '<' if self.follows("<=") => self.symbol(2, Token::LessOrEqual),
            '<' => self.symbol(1, Token::Less),
            '>' if self.follows(">=") => self.symbol(2, Token::GreaterOrEqual),
            '>' => self.symbol(1, Token::Greater),
            '\'' | '"' => Token::String(self.quoted(first)?),
            '`' => Token::Name(self.quoted(first)?),
            '0'..='9' | '-' | '.' => self.number()?,
            c if starts_name(c) => self.word(),
            c => {
                return Err(malformed(self.text, start, start + c.len_utf8(), "unexpected character"));
            }
        };
        Ok(Some(Spanned { token, start, end: self.at }))
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn follows(&self, symbol: &str) -> bool {
        self.text[self.at..].starts_with(symbol)
    }

    fn symbol(&mut self, bytes: usize, token: Token) -> Token {
        self.at += bytes;
        token
    }

    fn word(&mut self) -> Token {
        let rest = &self.text[self.at..];
        let word = &rest[..rest.find(|c| !continues_name(c)).unwrap_or(rest.len())];
        self.at += word.len();
        keyword(word).map_or_else(|| Token::Name(word.to_owned()), Token::Keyword)
    }

    /// A string or a name in quotes. The quote doubled stands for itself; in strings a back-slash escapes.
    fn quoted(&mut self, quote: char) -> Result<String, FilterError> {
        let start = self.at;
        let mut content = String::new();
        let mut chars = self.text[start + 1..].char_indices().peekable();
        while let Some((offset, c)) = chars.next() {
            if c == quote {
                if chars.next_if(|(_, next)| *next == quote).is_none() {
                    self.at = start + 1 + offset + 1;
                    return Ok(content);
                }
                content.push(quote);
            } else if c == '\\' && quote != '`' {
                let Some((_, escaped)) = chars.next() else { break };
                content.push(unescaped(escaped));
            } else {
                content.push(c);
            }
        }
        Err(malformed(self.text, start, self.text.len(), "the closing quote is missing"))
    }

    fn number(&mut self) -> Result<Token, FilterError> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut end = start + usize::from(bytes[start] == b'-');
        let mut double = false;
        while let Some(&byte) = bytes.get(end) {
            let in_exponent = end > start && matches!(bytes[end - 1], b'e' | b'E');
            match byte {
                b'0'..=b'9' => {}
                b'.' | b'e' | b'E' => double = true,
                b'+' | b'-' if in_exponent => {}
                // A name cannot begin within a number.
                _ if continues_name(byte as char) => {}
                _ => break,
            }
            end += 1;
        }
        self.at = end;
        let digits = &self.text[start..end];
        let token = if double {
            digits.parse().ok().filter(|number: &f64| number.is_finite()).map(Token::Double)
        } else {
            digits.parse().ok().map(Token::Int)
        };
        token.ok_or_else(|| malformed(self.text, start, end, "not a number of 64 bits"))
    }
}

fn unescaped(c: char) -> char {
    match c {
        '0' => '\0',
        'b' => '\u{8}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'Z' => '\u{1a}',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lexed(text: &str) -> Vec<Token> {
        tokens(text).expect("lexes").into_iter().map(|spanned| spanned.token).collect()
    }

    #[test]
    fn strings_know_both_quotes_doubling_and_escapes() {
        for (text, content) in [
            ("'it''s'", "it's"),
            (r#""say ""hi""""#, r#"say "hi""#),
            (r"'a\'b\\c\n\%é'", "a'b\\c\n%é"),
            ("'`\"'", "`\""),
            ("''", ""),
        ] {
            assert_eq!(lexed(text), [Token::String(content.into())], "{text}");
        }
        assert_eq!(lexed("`a``b\\ c`"), [Token::Name("a`b\\ c".into())]);
        for open in ["'", "'a''", r"'a\'", "\"'", "`a", r"'\"] {
            assert!(tokens(open).is_err(), "{open}");
        }
    }

    #[test]
    fn numbers_are_64_bits_wide() {
        assert_eq!(lexed("-9223372036854775808"), [Token::Int(i64::MIN)]);
        assert_eq!(lexed("1.5 .5 -2e3 1E-2"), [1.5, 0.5, -2000.0, 0.01].map(Token::Double));
        for bad in ["9223372036854775808", "1e999", "-", ".", "1.2.3", "12abc", "1_000", "--1", "1-2"] {
            let read = tokens(bad);
            assert!(read.is_err() || read.is_ok_and(|tokens| tokens.len() > 1), "{bad}");
        }
    }

    #[test]
    fn symbols_and_words() {
        use Token::{Close, Comma, Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual, Open};
        let symbols =
            [Equal, NotEqual, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual, Open, Comma, Close];
        assert_eq!(lexed("= != <> < <= > >= (,)"), symbols);
        assert_eq!(lexed("nOt starts_With"), [Keyword::Not, Keyword::StartsWith].map(Token::Keyword));
        assert_eq!(lexed("`not` _a1"), ["not", "_a1"].map(|name| Token::Name(name.into())));
        let error = tokens("a = é;").expect_err("no such token");
        assert_eq!(error, malformed("a = é;", 4, 6, "unexpected character"));
    }
}
