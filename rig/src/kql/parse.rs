//! The part of the query language that the stand-in understands. Everything else is refused where it stands.

use super::error::QueryError;
use super::lex::{self, Token, Word};

/// A query: where rows come from, and what is done with them in order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Query {
    pub(crate) source: Source,
    pub(crate) operators: Vec<Operator>,
}

/// Where rows come from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Source {
    Table(String),
    /// Several tables below each other, and the column that says which of them a row is of.
    Union {
        tables: Vec<String>,
        with_source: Option<String>,
    },
    Nested(Box<Query>),
}

/// What is done with rows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Operator {
    Where(Expr),
    Extend(Vec<Column>),
    Project(Vec<Column>),
    ProjectAway(Vec<String>),
    Take(usize),
    /// Columns, and whether each goes downwards.
    Sort(Vec<(Expr, bool)>),
    /// So many rows, first by a column, and whether that goes downwards.
    Top(usize, (Expr, bool)),
    Count,
    Summarize {
        aggregates: Vec<Column>,
        by: Vec<Column>,
    },
    Distinct(Vec<Column>),
    GetSchema,
}

impl Operator {
    /// Its name in error messages.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Where(_) => "where",
            Self::Extend(_) => "extend",
            Self::Project(_) => "project",
            Self::ProjectAway(_) => "project-away",
            Self::Take(_) => "take",
            Self::Sort(_) => "sort",
            Self::Top(..) => "top",
            Self::Count => "count",
            Self::Summarize { .. } => "summarize",
            Self::Distinct(_) => "distinct",
            Self::GetSchema => "getschema",
        }
    }
}

/// `Name = expression`, or an expression alone.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Column {
    pub(crate) name: Option<String>,
    pub(crate) value: Expr,
}

impl Column {
    /// The name that it has in a result.
    pub(crate) fn name(&self) -> String {
        self.name.clone().unwrap_or_else(|| super::bind::default_name(&self.value))
    }
}

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expr {
    Name(String),
    Text(String),
    Long(i64),
    Real(f64),
    Bool(bool),
    Span(i64),
    Time(i64),
    /// `*` as an argument: all columns.
    Star,
    Call(String, Vec<Expr>),
    /// `==`, `=~`, `!=`, `<`, `<=`, `>`, `>=`, `contains`, `startswith`, `and`, `or`, and `+`, `-`, `*`, `/`.
    Binary(&'static str, Box<Expr>, Box<Expr>),
    /// One of a list, by `==` or, for `in~`, by `=~`.
    In(&'static str, Box<Expr>, Vec<Expr>),
    /// What stands under a key of a dynamic value: `properties.Severity`.
    Property(Box<Expr>, String),
}

/// Parses a whole query. `now` is the time that `now()` and `ago()` go by, in ticks since the Unix epoch.
pub(crate) fn parse(text: &str, now: i64) -> Result<Query, QueryError> {
    let mut parser = Parser { tokens: lex::words(text), at: 0, now };
    let query = parser.query()?;
    match parser.peek() {
        Word::End => Ok(query),
        _ => parser.fail(),
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    now: i64,
}

impl Parser {
    fn peek(&self) -> &Word {
        &self.tokens[self.at].word
    }

    /// The next word, which is then used up; the end never is.
    fn next(&mut self) -> Word {
        let word = self.peek().clone();
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        word
    }

    fn fail<T>(&self) -> Result<T, QueryError> {
        Err(self.tokens[self.at].error())
    }

    fn takes_sign(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Word::Sign(next) if *next == sign);
        if found {
            self.next();
        }
        found
    }

    fn takes_name(&mut self, name: &str) -> bool {
        let found = matches!(self.peek(), Word::Name(next) if next == name);
        if found {
            self.next();
        }
        found
    }

    fn sign(&mut self, sign: &str) -> Result<(), QueryError> {
        if self.takes_sign(sign) { Ok(()) } else { self.fail() }
    }

    fn name(&mut self) -> Result<String, QueryError> {
        match self.peek().clone() {
            Word::Name(name) | Word::Quoted(name) => {
                self.next();
                Ok(name)
            }
            _ => self.fail(),
        }
    }

    fn query(&mut self) -> Result<Query, QueryError> {
        let source = if self.takes_sign("(") {
            let inner = self.query()?;
            self.sign(")")?;
            Source::Nested(Box::new(inner))
        } else if self.takes_name("union") {
            self.union()?
        } else {
            Source::Table(self.name()?)
        };
        let mut operators = Vec::new();
        while self.takes_sign("|") {
            operators.push(self.operator()?);
        }
        Ok(Query { source, operators })
    }

    fn union(&mut self) -> Result<Source, QueryError> {
        let mut with_source = None;
        if self.takes_name("withsource") {
            self.sign("=")?;
            with_source = Some(self.name()?);
        }
        let mut tables = vec![self.name()?];
        while self.takes_sign(",") {
            tables.push(self.name()?);
        }
        Ok(Source::Union { tables, with_source })
    }

    fn operator(&mut self) -> Result<Operator, QueryError> {
        let Word::Name(name) = self.peek().clone() else { return self.fail() };
        let start = self.at;
        self.next();
        Ok(match name.as_str() {
            "where" | "filter" => Operator::Where(self.expression()?),
            "extend" => Operator::Extend(self.columns()?),
            "project" if self.takes_sign("-") => {
                if !self.takes_name("away") {
                    return self.fail();
                }
                let mut names = vec![self.name()?];
                while self.takes_sign(",") {
                    names.push(self.name()?);
                }
                Operator::ProjectAway(names)
            }
            "project" => Operator::Project(self.columns()?),
            "take" | "limit" => Operator::Take(self.number()?),
            "sort" | "order" => Operator::Sort(self.order()?),
            "top" => {
                let rows = self.number()?;
                self.by()?;
                Operator::Top(rows, self.key()?)
            }
            "count" => Operator::Count,
            "summarize" => self.summarize()?,
            "distinct" => Operator::Distinct(self.columns()?),
            "getschema" => Operator::GetSchema,
            _ => {
                self.at = start;
                return self.fail();
            }
        })
    }

    /// A number of rows.
    fn number(&mut self) -> Result<usize, QueryError> {
        match self.peek() {
            Word::Long(rows) => {
                let rows = usize::try_from(*rows).expect("a number without a sign");
                self.next();
                Ok(rows)
            }
            _ => self.fail(),
        }
    }

    fn by(&mut self) -> Result<(), QueryError> {
        if self.takes_name("by") { Ok(()) } else { self.fail() }
    }

    fn order(&mut self) -> Result<Vec<(Expr, bool)>, QueryError> {
        self.by()?;
        let mut columns = Vec::new();
        loop {
            columns.push(self.key()?);
            if !self.takes_sign(",") {
                return Ok(columns);
            }
        }
    }

    /// What to sort by, and whether it goes downwards.
    fn key(&mut self) -> Result<(Expr, bool), QueryError> {
        let column = self.operand()?;
        // Downwards is the language's own default.
        let down = !self.takes_name("asc");
        if down {
            self.takes_name("desc");
        }
        Ok((column, down))
    }

    fn summarize(&mut self) -> Result<Operator, QueryError> {
        let by_alone = matches!(self.peek(), Word::Name(name) if name == "by");
        let aggregates = if by_alone { Vec::new() } else { self.columns()? };
        let by = if self.takes_name("by") { self.columns()? } else { Vec::new() };
        Ok(Operator::Summarize { aggregates, by })
    }

    /// `Name = expression, expression, ...`
    fn columns(&mut self) -> Result<Vec<Column>, QueryError> {
        let mut columns = Vec::new();
        loop {
            let is_named = matches!(self.peek(), Word::Name(_) | Word::Quoted(_))
                && matches!(self.tokens.get(self.at + 1).map(|token| &token.word), Some(Word::Sign("=")));
            let name = if is_named { Some(self.name()?) } else { None };
            if is_named {
                self.sign("=")?;
            }
            columns.push(Column { name, value: self.expression()? });
            if !self.takes_sign(",") {
                return Ok(columns);
            }
        }
    }

    fn expression(&mut self) -> Result<Expr, QueryError> {
        let mut left = self.conjunction()?;
        while self.takes_name("or") {
            left = Expr::Binary("or", Box::new(left), Box::new(self.conjunction()?));
        }
        Ok(left)
    }

    fn conjunction(&mut self) -> Result<Expr, QueryError> {
        let mut left = self.comparison()?;
        while self.takes_name("and") {
            left = Expr::Binary("and", Box::new(left), Box::new(self.comparison()?));
        }
        Ok(left)
    }

    fn comparison(&mut self) -> Result<Expr, QueryError> {
        let left = self.sum()?;
        if self.takes_name("in") {
            let sign = if self.takes_sign("~") { "=~" } else { "==" };
            return Ok(Expr::In(sign, Box::new(left), self.arguments()?));
        }
        if self.takes_name("between") {
            self.sign("(")?;
            let low = self.sum()?;
            self.sign("..")?;
            let high = self.sum()?;
            self.sign(")")?;
            let above = Expr::Binary(">=", Box::new(left.clone()), Box::new(low));
            let below = Expr::Binary("<=", Box::new(left), Box::new(high));
            return Ok(Expr::Binary("and", Box::new(above), Box::new(below)));
        }
        let signs = ["==", "=~", "!=", "<", "<=", ">", ">="].into_iter().find(|sign| self.takes_sign(sign));
        let sign = signs.or_else(|| ["contains", "startswith"].into_iter().find(|name| self.takes_name(name)));
        match sign {
            Some(sign) => Ok(Expr::Binary(sign, Box::new(left), Box::new(self.sum()?))),
            None => Ok(left),
        }
    }

    fn sum(&mut self) -> Result<Expr, QueryError> {
        self.chain(["+", "-"], Self::product)
    }

    fn product(&mut self) -> Result<Expr, QueryError> {
        self.chain(["*", "/"], Self::operand)
    }

    /// Operands with any of two signs between them, taken from the left.
    fn chain(
        &mut self,
        signs: [&'static str; 2],
        next: fn(&mut Self) -> Result<Expr, QueryError>,
    ) -> Result<Expr, QueryError> {
        let mut left = next(self)?;
        while let Some(sign) = signs.into_iter().find(|sign| self.takes_sign(sign)) {
            left = Expr::Binary(sign, Box::new(left), Box::new(next(self)?));
        }
        Ok(left)
    }

    fn arguments(&mut self) -> Result<Vec<Expr>, QueryError> {
        self.sign("(")?;
        let mut arguments = Vec::new();
        if self.takes_sign(")") {
            return Ok(arguments);
        }
        loop {
            arguments.push(if self.takes_sign("*") { Expr::Star } else { self.expression()? });
            if !self.takes_sign(",") {
                self.sign(")")?;
                return Ok(arguments);
            }
        }
    }

    fn operand(&mut self) -> Result<Expr, QueryError> {
        if self.takes_sign("(") {
            let inner = self.expression()?;
            self.sign(")")?;
            return Ok(inner);
        }
        let negative = self.takes_sign("-");
        let operand = match (self.peek().clone(), negative) {
            (Word::Long(number), _) => Expr::Long(if negative { -number } else { number }),
            (Word::Real(number), _) => Expr::Real(if negative { -number } else { number }),
            (Word::Span(ticks), _) => Expr::Span(if negative { -ticks } else { ticks }),
            (Word::Text(text), false) => Expr::Text(text),
            (Word::Time(ticks), false) => Expr::Time(ticks),
            (Word::Name(name), false) if name == "true" || name == "false" => Expr::Bool(name == "true"),
            (Word::Name(name), false) if self.is_call() => {
                self.next();
                let arguments = self.arguments()?;
                return Ok(self.call(name, arguments));
            }
            (Word::Name(name) | Word::Quoted(name), false) => {
                self.next();
                return self.properties(Expr::Name(name));
            }
            _ => return self.fail(),
        };
        self.next();
        Ok(operand)
    }

    /// The keys behind a name, each after a point.
    fn properties(&mut self, mut value: Expr) -> Result<Expr, QueryError> {
        while self.takes_sign(".") {
            value = Expr::Property(Box::new(value), self.name()?);
        }
        Ok(value)
    }

    /// A call; times that go by the clock are known already.
    fn call(&self, name: String, arguments: Vec<Expr>) -> Expr {
        match (name.as_str(), &arguments[..]) {
            ("now", []) => Expr::Time(self.now),
            ("now", [Expr::Span(offset)]) => Expr::Time(self.now.saturating_add(*offset)),
            ("ago", [Expr::Span(span)]) => Expr::Time(self.now.saturating_sub(*span)),
            _ => Expr::Call(name, arguments),
        }
    }

    fn is_call(&self) -> bool {
        matches!(self.tokens.get(self.at + 1).map(|token| &token.word), Some(Word::Sign("(")))
    }
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
