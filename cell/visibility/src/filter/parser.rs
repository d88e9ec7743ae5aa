//! Tokens to a tree: a Pratt parser.

use super::{
    error::FilterError,
    expr::{CompareOp, Condition, Expr, Literal, Test},
    lexer::{Keyword, Spanned, Token, malformed, tokens},
};

/// Bytes of a filter: room for a list of a few thousand ids, and still parsed in a millisecond or two.
pub const MAX_FILTER_BYTES: usize = 256 * 1024;

/// Parentheses and NOTs within each other: bounds the parser's own recursion and that of every engine.
pub const MAX_DEPTH: usize = 64;

/// Conditions in a filter: a chain of ORs becomes a tree of that depth in SQL engines, and SQLite refuses 1,000.
pub const MAX_CONDITIONS: usize = 500;

/// Negations in a filter: NOT, !=, and IS NULL. No index helps with any, so that each is looked at for every record.
pub const MAX_NEGATIONS: usize = 100;

/// Constants in a filter, and words of those that are compared with texts: SQL engines bind each one, and the least of
/// their limits is 32,766.
pub const MAX_FILTER_VALUES: usize = 10_000;

/// A parsed filter with its clauses.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// The filter; none for everything.
    pub filter: Option<Expr>,
    /// The names after GROUP BY; empty without one.
    pub group_by: Vec<String>,
    /// The names after ORDER BY; empty without one. No list is ordered by a filter: who compiles one refuses it.
    pub order_by: Vec<String>,
}

impl Query {
    /// Every attribute that the filter and ORDER BY name, in order, as often as they do.
    pub fn names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        if let Some(filter) = &self.filter {
            filter.collect_names(&mut names);
        }
        names.extend(self.order_by.iter().map(String::as_str));
        names
    }
}

/// Parses a filter. An empty text asks for everything.
///
/// Never panics and never recurses deeper than [`MAX_DEPTH`], whatever the text.
pub fn parse(text: &str) -> Result<Query, FilterError> {
    if text.len() > MAX_FILTER_BYTES {
        return Err(FilterError::TooLarge { what: "length in bytes", limit: MAX_FILTER_BYTES });
    }
    let tokens = tokens(text)?;
    let mut parser =
        Parser { text, tokens: &tokens, at: 0, depth: 0, conditions: 0, negations: 0, values: 0 };
    parser.query()
}

/// How tightly an operator binds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Power {
    Or,
    And,
    Not,
}

struct Parser<'a> {
    text: &'a str,
    tokens: &'a [Spanned],
    at: usize,
    depth: usize,
    conditions: usize,
    negations: usize,
    values: usize,
}

impl<'a> Parser<'a> {
    fn query(&mut self) -> Result<Query, FilterError> {
        let clause = matches!(self.peek_keyword(), Some(Keyword::Group | Keyword::Order | Keyword::Limit));
        let filter = if self.tokens.is_empty() || clause { None } else { Some(self.expression(Power::Or)?) };
        let mut group_by = Vec::new();
        if self.eat(Keyword::Group) {
            self.expect(Keyword::By, "expected BY after GROUP")?;
            group_by.push(self.name("expected a search attribute after GROUP BY")?);
            while self.eat_token(&Token::Comma) {
                group_by.push(self.name("expected a search attribute")?);
            }
        }
        let mut order_by = Vec::new();
        if self.eat(Keyword::Order) {
            self.expect(Keyword::By, "expected BY after ORDER")?;
            order_by.push(self.ordering()?);
            while self.eat_token(&Token::Comma) {
                order_by.push(self.ordering()?);
            }
        }
        match self.peek_keyword() {
            Some(Keyword::Limit) => Err(FilterError::NotSupported("'limit' clause".to_owned())),
            _ if self.at < self.tokens.len() => Err(self.unexpected("expected AND, OR or the end")),
            _ => Ok(Query { filter, group_by, order_by }),
        }
    }

    /// A name of ORDER BY, and its direction.
    fn ordering(&mut self) -> Result<String, FilterError> {
        let name = self.name("expected a search attribute after ORDER BY")?;
        if let Some(Token::Name(direction)) = self.peek()
            && ["asc", "desc"].iter().any(|known| direction.eq_ignore_ascii_case(known))
        {
            self.at += 1;
        }
        Ok(name)
    }

    /// An expression whose operators bind at least as tightly as `least`.
    fn expression(&mut self, least: Power) -> Result<Expr, FilterError> {
        let mut left = self.prefix()?;
        loop {
            let (keyword, power, next, join): (_, _, _, fn(Vec<Expr>) -> Expr) = match self.peek_keyword() {
                Some(Keyword::And) => (Keyword::And, Power::And, Power::Not, Expr::And),
                Some(Keyword::Or) => (Keyword::Or, Power::Or, Power::And, Expr::Or),
                _ => return Ok(left),
            };
            if power < least {
                return Ok(left);
            }
            let mut operands = vec![left];
            while self.eat(keyword) {
                operands.push(self.expression(next)?);
            }
            left = join(operands);
        }
    }

    fn prefix(&mut self) -> Result<Expr, FilterError> {
        if self.eat_not()? {
            let operand = self.nested(|parser| parser.expression(Power::Not))?;
            return Ok(Expr::Not(Box::new(operand)));
        }
        if self.eat_token(&Token::Open) {
            let inner = self.nested(|parser| parser.expression(Power::Or))?;
            if !self.eat_token(&Token::Close) {
                return Err(self.unexpected("expected AND, OR or ')'"));
            }
            return Ok(inner);
        }
        self.condition().map(Expr::Condition)
    }

    fn nested(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<Expr, FilterError>,
    ) -> Result<Expr, FilterError> {
        if self.depth == MAX_DEPTH {
            return Err(FilterError::TooLarge { what: "nesting", limit: MAX_DEPTH });
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn condition(&mut self) -> Result<Condition, FilterError> {
        if self.conditions == MAX_CONDITIONS {
            return Err(FilterError::TooLarge { what: "number of conditions", limit: MAX_CONDITIONS });
        }
        self.conditions += 1;
        let attribute = self.name("expected a search attribute")?;
        let test = self.test()?;
        Ok(Condition { attribute, test })
    }

    fn test(&mut self) -> Result<Test, FilterError> {
        if let Some(op) = self.compare_op() {
            if op == CompareOp::NotEqual {
                self.negate()?;
            }
            return Ok(Test::Compare(op, self.literal()?));
        }
        if self.eat(Keyword::Is) {
            let negated = self.eat(Keyword::Not);
            if !negated {
                self.negate()?;
            }
            self.expect(Keyword::Null, "expected NULL")?;
            return Ok(Test::IsNull { negated });
        }
        let negated = self.eat_not()?;
        if self.eat(Keyword::In) {
            return self.list().map(|values| Test::In { negated, values });
        }
        if self.eat(Keyword::Between) {
            let low = self.literal()?;
            self.expect(Keyword::And, "expected AND of BETWEEN")?;
            return Ok(Test::Between { negated, low, high: self.literal()? });
        }
        if self.eat(Keyword::StartsWith) {
            return Ok(Test::StartsWith { negated, prefix: self.literal()? });
        }
        if self.peek_keyword() == Some(Keyword::Like) {
            return Err(FilterError::NotSupported("'LIKE' operator".to_owned()));
        }
        Err(self.unexpected("expected an operator"))
    }

    /// Whether a NOT comes, which counts.
    fn eat_not(&mut self) -> Result<bool, FilterError> {
        let eaten = self.eat(Keyword::Not);
        if eaten {
            self.negate()?;
        }
        Ok(eaten)
    }

    fn negate(&mut self) -> Result<(), FilterError> {
        if self.negations == MAX_NEGATIONS {
            return Err(FilterError::TooLarge { what: "number of negations", limit: MAX_NEGATIONS });
        }
        self.negations += 1;
        Ok(())
    }

    fn compare_op(&mut self) -> Option<CompareOp> {
        let op = match self.peek()? {
            Token::Equal => CompareOp::Equal,
            Token::NotEqual => CompareOp::NotEqual,
            Token::Less => CompareOp::Less,
            Token::LessOrEqual => CompareOp::LessOrEqual,
            Token::Greater => CompareOp::Greater,
            Token::GreaterOrEqual => CompareOp::GreaterOrEqual,
            _ => return None,
        };
        self.at += 1;
        Some(op)
    }

    fn list(&mut self) -> Result<Vec<Literal>, FilterError> {
        if !self.eat_token(&Token::Open) {
            return Err(self.unexpected("expected '(' after IN"));
        }
        let mut values = vec![self.literal()?];
        while self.eat_token(&Token::Comma) {
            values.push(self.literal()?);
        }
        if !self.eat_token(&Token::Close) {
            return Err(self.unexpected("expected ',' or ')'"));
        }
        Ok(values)
    }

    fn literal(&mut self) -> Result<Literal, FilterError> {
        if self.values == MAX_FILTER_VALUES {
            return Err(FilterError::TooLarge { what: "number of values", limit: MAX_FILTER_VALUES });
        }
        self.values += 1;
        let literal = match self.peek() {
            Some(Token::String(text)) => Literal::String(text.clone()),
            Some(Token::Int(number)) => Literal::Int(*number),
            Some(Token::Double(number)) => Literal::Double(*number),
            Some(Token::Keyword(Keyword::True)) => Literal::Bool(true),
            Some(Token::Keyword(Keyword::False)) => Literal::Bool(false),
            _ => return Err(self.unexpected("expected a value (strings stand in quotes)")),
        };
        self.at += 1;
        Ok(literal)
    }

    fn name(&mut self, expected: &str) -> Result<String, FilterError> {
        match self.peek() {
            Some(Token::Name(name)) => {
                self.at += 1;
                Ok(name.clone())
            }
            _ => Err(self.unexpected(expected)),
        }
    }

    fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.at).map(|spanned| &spanned.token)
    }

    fn peek_keyword(&self) -> Option<Keyword> {
        match self.peek() {
            Some(Token::Keyword(keyword)) => Some(*keyword),
            _ => None,
        }
    }

    fn eat(&mut self, keyword: Keyword) -> bool {
        self.eat_token(&Token::Keyword(keyword))
    }

    fn eat_token(&mut self, token: &Token) -> bool {
        let eaten = self.peek() == Some(token);
        self.at += usize::from(eaten);
        eaten
    }

    fn expect(&mut self, keyword: Keyword, message: &str) -> Result<(), FilterError> {
        if self.eat(keyword) { Ok(()) } else { Err(self.unexpected(message)) }
    }

    fn unexpected(&self, message: &str) -> FilterError {
        let end = self.text.len();
        let (start, end) = self.tokens.get(self.at).map_or((end, end), |found| (found.start, found.end));
        malformed(self.text, start, end, message)
    }
}
