//! Adds resource limits to the text of a template before it is compiled.
//!
//! minijinja counts the steps of a rendering, but not the size of the values that a step creates: `x ~ x`, `x * 1000`, `x[1:]`,
//! `[x, x]` and the text of a captured block. So filters of [`super::meter`] are inserted into the text of a template wherever a
//! step can create or read more than a constant amount:
//!
//! - `(x ~ y)` becomes `(((x)|OPERAND ~ (y)|OPERAND)|RESULT)`: operands are charged before the step, and its result after it. One
//!   step creates at most the sum of its operands, or the 100 MB at which minijinja itself ends a repetition, so all growth is
//!   charged.
//! - A tag that is followed by text charges the text: `{% for … %}text` becomes `{% for … %}{% if 4|TEXT %}{% endif %}text`. A loop,
//!   a macro, a block or an included file begins with a tag or at the top of a file, so text is charged as often as it is printed.
//!
//! Text is only inserted, and [`verify`] checks the result: a template in which a step has no limit is rejected. Templates cannot
//! redefine filters, and a template that names one of these filters is rejected.
//!
//! Before that, the tokens of an expression are counted: minijinja's parser adds a level to its tree for each chained operator, and
//! it compiles and drops the tree recursively.

use std::collections::BTreeSet;
use std::ops::Range;

use minijinja::machinery::{Span, Token, ast, parse, tokenize};
use minijinja::syntax::SyntaxConfig;

use ast::{BinOpKind, CallArg, Expr, Stmt};

/// The prefix of the names of these filters.
pub(super) const PREFIX: &str = "pleach_bound";
/// Charges for an operand.
pub(super) const OPERAND: &str = "pleach_bound_operand";
/// Charges for the left operand of `*`, and stores its size.
pub(super) const LEFT: &str = "pleach_bound_left";
/// Charges for the right operand of `*`, and for the product before it is computed.
pub(super) const RIGHT: &str = "pleach_bound_right";
/// Charges for a value whose item or character is accessed by a subscript.
pub(super) const SUBSCRIPTED: &str = "pleach_bound_subscripted";
/// Charges for the result of a step.
pub(super) const RESULT: &str = "pleach_bound_result";
/// Charges for text that is printed next.
pub(super) const TEXT: &str = "pleach_bound_text";

/// The maximum number of chained operators, nested brackets, and branches of one `if`.
const NESTING_MAX: usize = 200;

/// A template's text with limits added.
#[derive(Debug)]
pub(super) struct Guarded {
    pub(super) text: String,
    pub(super) insertions: OffsetMap,
    /// The variables that the text reads, with their fields, such as `spec.version`; `None` unless it is a single expression.
    pub(super) reads: Option<BTreeSet<String>>,
}

/// Where text was inserted: the offset in the original text, and the number of bytes. Sorted.
#[derive(Debug, Default)]
pub(super) struct OffsetMap(Vec<(usize, usize)>);

/// Why a template is rejected, and where.
#[derive(Debug)]
pub(super) struct Rejection {
    pub(super) message: &'static str,
    pub(super) help: &'static str,
    pub(super) range: Range<usize>,
}

impl OffsetMap {
    /// The offset in the original text for an offset in the text with insertions.
    pub(super) fn original(&self, at: usize) -> usize {
        let mut inserted = 0;
        for (original, len) in &self.0 {
            let start = original + inserted;
            if at < start {
                break;
            }
            if at < start + len {
                return *original;
            }
            inserted += len;
        }
        at - inserted
    }
}

/// Adds the limits to a text. `None` if the text has a syntax error, which minijinja reports later.
pub(super) fn guard(text: &str, syntax: &SyntaxConfig) -> Result<Option<Guarded>, Rejection> {
    check_nesting(text, syntax)?;
    if let Some(at) = text.find(PREFIX) {
        return Err(Rejection {
            message: "names that begin with `pleach_bound` are reserved",
            help: "choose another name",
            range: at..at + PREFIX.len(),
        });
    }
    let Ok(tree) = parse(text, "template", syntax.clone()) else {
        return Ok(None);
    };
    let guarded = Guard::new(text, &tree, syntax).finish();
    let whole = 0..text.len();
    let rejection = |range| Rejection {
        message: "the cost of this expression cannot be limited",
        help: "move its parts to variables with `{% set %}`",
        range,
    };
    let again = parse(&guarded.text, "template", syntax.clone()).map_err(|_| rejection(whole))?;
    let mut unbounded = None;
    each_expression(&again, &mut |it| verify(it, None, &mut unbounded));
    match unbounded {
        None => Ok(Some(guarded)),
        Some(span) => {
            let location = |at: u32| guarded.insertions.original(at as usize);
            Err(rejection(
                location(span.start_offset)..location(span.end_offset),
            ))
        }
    }
}

/// Adds the limits to a built-in text, which is always accepted.
pub(super) fn guard_builtin(text: &str, syntax: &SyntaxConfig) -> Option<Guarded> {
    let tree = parse(text, "template", syntax.clone()).ok()?;
    Some(Guard::new(text, &tree, syntax).finish())
}

/// The names that a text includes, imports or extends; `None` for each name that is not a constant.
pub(super) fn included(text: &str, syntax: &SyntaxConfig) -> Vec<Option<String>> {
    let tokens = tokenize(text, false, syntax.clone()).map_while(Result::ok);
    let tokens: Vec<_> = tokens.map(|it| it.0).collect();
    let names = tokens.windows(3).filter_map(|it| match it {
        [
            Token::BlockStart,
            Token::Ident("include" | "import" | "extends" | "from"),
            name,
        ] => Some(match name {
            Token::Str(name) => Some(name.to_string()),
            Token::String(name) => Some(name.to_string()),
            _ => None,
        }),
        _ => None,
    });
    names.collect()
}

/// Rejects expressions that are nested too deeply for a recursive parser.
fn check_nesting(text: &str, syntax: &SyntaxConfig) -> Result<(), Rejection> {
    // For each open bracket, the number of operators since the last comma; for each open `if`, the number of its branches.
    let (mut operators, mut branches) = (vec![0_usize], Vec::new());
    let (mut nesting, mut begins_tag) = (0_usize, false);
    for token in tokenize(text, false, syntax.clone()) {
        let Ok((token, span)) = token else { break };
        let keyword = |names: &[&str]| matches!(&token, Token::Ident(word) if names.contains(word));
        let first_of_tag = std::mem::replace(&mut begins_tag, matches!(token, Token::BlockStart));
        match &token {
            Token::BlockStart | Token::VariableStart => {
                operators = vec![0];
                nesting = branches.iter().sum();
            }
            Token::Ident("if") if first_of_tag => branches.push(1),
            Token::Ident("elif") if first_of_tag => {
                if let Some(branches) = branches.last_mut() {
                    *branches += 1;
                }
            }
            Token::Ident("endif") if first_of_tag => drop(branches.pop()),
            Token::BracketOpen | Token::ParenOpen | Token::BraceOpen => {
                count(&mut operators, &mut nesting);
                operators.push(0);
            }
            Token::BracketClose | Token::ParenClose | Token::BraceClose => {
                nesting = nesting.saturating_sub(operators.pop().unwrap_or(0));
            }
            Token::Comma => {
                nesting = nesting.saturating_sub(operators.pop().unwrap_or(0));
                operators.push(0);
            }
            _ if is_operator(&token)
                || keyword(&["not", "and", "or", "if", "else", "is", "in"]) =>
            {
                count(&mut operators, &mut nesting);
            }
            _ => {}
        }
        if nesting > NESTING_MAX {
            return Err(Rejection {
                message: "the expression has more than 200 nested operators or brackets",
                help: "move parts of it to variables with `{% set %}` or `let`",
                range: range(span),
            });
        }
    }
    Ok(())
}

fn count(operators: &mut [usize], nesting: &mut usize) {
    if let Some(last) = operators.last_mut() {
        *last += 1;
        *nesting += 1;
    }
}

fn is_operator(token: &Token) -> bool {
    use Token::*;
    matches!(
        token,
        Plus | Minus
            | Mul
            | Div
            | FloorDiv
            | Pow
            | Mod
            | Dot
            | Tilde
            | Pipe
            | Eq
            | Ne
            | Gt
            | Gte
            | Lt
            | Lte
    )
}

fn range(span: Span) -> Range<usize> {
    span.start_offset as usize..span.end_offset as usize
}

/// A text to insert at an offset.
pub(super) struct Insertion {
    pub(super) at: usize,
    /// The order at one offset: closing brackets (0), opening brackets (1), then tags.
    pub(super) order: u8,
    pub(super) text: String,
}

/// The text with the insertions.
pub(super) fn insert(text: &str, mut insertions: Vec<Insertion>) -> Guarded {
    // The sort is stable: of two insertions of the same order, that of the inner expression was added first.
    insertions.sort_by_key(|it| (it.at, it.order));
    let mut out = String::with_capacity(text.len() + insertions.len() * 24);
    let (mut offsets, mut done) = (Vec::with_capacity(insertions.len()), 0);
    for Insertion {
        at, text: inserted, ..
    } in insertions
    {
        out.push_str(text.get(done..at).unwrap_or(""));
        out.push_str(&inserted);
        offsets.push((at, inserted.len()));
        done = at.max(done);
    }
    out.push_str(text.get(done..).unwrap_or(""));
    Guarded {
        text: out,
        insertions: OffsetMap(offsets),
        reads: None,
    }
}

/// The variables that a text reads, with their fields; `None` unless it is a single expression.
fn reads(tree: &Stmt<'_>) -> Option<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    is_expression(tree).then(|| {
        each_expression(tree, &mut |it| add_reads(it, &mut found));
        found
    })
}

fn add_reads(expression: &Expr<'_>, found: &mut BTreeSet<String>) {
    match path(expression) {
        Some(path) => _ = found.insert(path),
        None => each_part(expression, &mut |it| add_reads(it, found)),
    }
}

/// The path of a variable or its field.
fn path(expression: &Expr<'_>) -> Option<String> {
    match expression {
        Expr::Var(it) => Some(it.id.to_string()),
        Expr::GetAttr(it) => Some(path(&it.expr)? + "." + it.name),
        _ => None,
    }
}

/// Whether a text consists of one expression, without tags and other text.
fn is_expression(tree: &Stmt<'_>) -> bool {
    match tree {
        Stmt::Template(it) => matches!(&*it.children, [Stmt::EmitExpr(_)]),
        _ => false,
    }
}

struct Guard<'a> {
    text: &'a str,
    insertions: Vec<Insertion>,
    reads: Option<BTreeSet<String>>,
}

impl<'a> Guard<'a> {
    /// Collects the insertions into a text.
    fn new(text: &'a str, tree: &Stmt<'_>, syntax: &SyntaxConfig) -> Guard<'a> {
        let mut guard = Guard {
            text,
            insertions: Vec::new(),
            reads: reads(tree),
        };
        if !is_expression(tree) {
            guard.charge_texts(syntax);
        }
        each_expression(tree, &mut |it| guard.expression(it));
        guard
    }

    /// Makes each tag, and the beginning of the file, charge for the text up to the next tag.
    fn charge_texts(&mut self, syntax: &SyntaxConfig) {
        let (mut tag, mut bytes) = (None, 0);
        for token in tokenize(self.text, false, syntax.clone()) {
            match token {
                Ok((Token::TemplateData(text), _)) => bytes += text.len(),
                Ok((Token::BlockEnd, span)) => {
                    self.charge_text(tag, bytes);
                    (tag, bytes) = (Some(span.start_offset as usize), 0);
                }
                Ok(_) => {}
                Err(_) => break,
            }
        }
        self.charge_text(tag, bytes);
    }

    /// Adds a tag before the end of a tag, so that the whitespace control at the end applies after both.
    fn charge_text(&mut self, tag: Option<usize>, bytes: usize) {
        let text = match (bytes, tag) {
            (0, _) => return,
            (_, Some(_)) => format!(" %}}{{% if {bytes}|{TEXT} %}}{{% endif "),
            (_, None) => format!("{{% if {bytes}|{TEXT} %}}{{% endif +%}}"),
        };
        self.insertions.push(Insertion {
            at: tag.unwrap_or(0),
            order: 2,
            text,
        });
    }

    fn expression(&mut self, expression: &Expr) {
        each_part(expression, &mut |it| self.expression(it));
        for (operand, filter) in operands(expression) {
            self.wrap(operand, filter);
        }
        if creates_value(expression) {
            self.wrap(expression, RESULT);
        }
    }

    fn wrap(&mut self, expression: &Expr, filter: &str) {
        let mut add = |at, order, text| self.insertions.push(Insertion { at, order, text });
        add(start(expression), 1, "((".to_string());
        add(
            expression.span().end_offset as usize,
            0,
            format!(")|{filter})"),
        );
    }

    fn finish(self) -> Guarded {
        Guarded {
            reads: self.reads,
            ..insert(self.text, self.insertions)
        }
    }
}

/// The beginning of an expression: the span of an operator in minijinja does not include its left operand. Brackets around the
/// first operand may be excluded; inserted brackets still match, because they are inserted after these.
pub(super) fn start(expression: &Expr) -> usize {
    match expression {
        Expr::Slice(it) => start(&it.expr),
        Expr::GetAttr(it) => start(&it.expr),
        Expr::GetItem(it) => start(&it.expr),
        Expr::Call(it) => start(&it.expr),
        Expr::Test(it) => start(&it.expr),
        Expr::BinOp(it) => start(&it.left),
        Expr::Compare(it) => start(&it.expr),
        Expr::IfExpr(it) => start(&it.true_expr),
        Expr::UnaryOp(it) => start(&it.expr).min(it.span().start_offset as usize),
        Expr::Filter(it) => match &it.expr {
            Some(inner) => start(inner),
            None => it.span().start_offset as usize,
        },
        Expr::Var(_) | Expr::Const(_) | Expr::List(_) | Expr::Tuple(_) | Expr::Map(_) => {
            expression.span().start_offset as usize
        }
    }
}

/// Whether a step creates a new text or collection.
fn creates_value(expression: &Expr) -> bool {
    let all_constant = |items: &[Expr]| items.iter().all(|it| matches!(it, Expr::Const(_)));
    match expression {
        Expr::BinOp(it) => matches!(it.op, BinOpKind::Add | BinOpKind::Mul | BinOpKind::Concat),
        Expr::Slice(_) => true,
        Expr::List(it) => !all_constant(&it.items),
        Expr::Tuple(it) => !all_constant(&it.items),
        Expr::Map(it) => !all_constant(&it.keys) || !all_constant(&it.values),
        _ => false,
    }
}

/// The operands whose size determines the cost of a step, each with the filter that charges for it.
fn operands<'e, 'a>(expression: &'e Expr<'a>) -> Vec<(&'e Expr<'a>, &'static str)> {
    use BinOpKind::*;
    match expression {
        Expr::BinOp(it) => match it.op {
            Mul => vec![(&it.left, LEFT), (&it.right, RIGHT)],
            Add | Concat | Eq | Ne | Lt | Lte | Gt | Gte | In => {
                vec![(&it.left, OPERAND), (&it.right, OPERAND)]
            }
            ScAnd | ScOr | Sub | Div | FloorDiv | Rem | Pow => Vec::new(),
        },
        Expr::Compare(it) => {
            let others = it.ops.iter().map(|it| (&it.expr, OPERAND));
            std::iter::once((&it.expr, OPERAND)).chain(others).collect()
        }
        Expr::Slice(it) => vec![(&it.expr, OPERAND)],
        Expr::GetItem(it) => vec![(&it.expr, SUBSCRIPTED)],
        _ => Vec::new(),
    }
}

/// Finds a step without a limit. `filter` is the filter that is applied to the expression itself.
fn verify(expression: &Expr, filter: Option<&str>, unbounded: &mut Option<Span>) {
    let is_wrapped = |operand: &Expr, filter: &str| matches!(operand, Expr::Filter(it) if it.name == filter && it.args.is_empty());
    let is_bounded = operands(expression)
        .iter()
        .all(|(operand, filter)| is_wrapped(operand, filter));
    if !is_bounded || creates_value(expression) && filter != Some(RESULT) {
        *unbounded = Some(expression.span());
    }
    if let Expr::Filter(it) = expression
        && let Some(inner) = &it.expr
    {
        verify(inner, Some(it.name), unbounded);
        each_argument(&it.args, &mut |it| verify(it, None, unbounded));
    } else {
        each_part(expression, &mut |it| verify(it, None, unbounded));
    }
}

/// Calls `act` for each expression of a statement, and of those in its bodies, that is not part of another.
pub(super) fn each_expression<'a>(statement: &Stmt<'a>, act: &mut dyn FnMut(&Expr<'a>)) {
    each_own_expression(statement, act);
    for statement in bodies(statement).into_iter().flatten() {
        each_expression(statement, act);
    }
}

fn each_own_expression<'a>(statement: &Stmt<'a>, act: &mut dyn FnMut(&Expr<'a>)) {
    match statement {
        Stmt::EmitExpr(it) => act(&it.expr),
        Stmt::ForLoop(it) => {
            act(&it.iter);
            it.filter_expr.iter().for_each(act);
        }
        Stmt::IfCond(it) => act(&it.expr),
        Stmt::WithBlock(it) => it.assignments.iter().for_each(|it| act(&it.1)),
        Stmt::Set(it) => act(&it.expr),
        Stmt::SetBlock(it) => it.filter.iter().for_each(act),
        Stmt::AutoEscape(it) => act(&it.enabled),
        Stmt::FilterBlock(it) => act(&it.filter),
        Stmt::Import(it) => act(&it.expr),
        Stmt::FromImport(it) => act(&it.expr),
        Stmt::Extends(it) => act(&it.name),
        Stmt::Include(it) => act(&it.name),
        Stmt::Macro(it) => it.defaults.iter().for_each(act),
        Stmt::CallBlock(it) => {
            act(&it.call.expr);
            each_argument(&it.call.args, act);
            it.macro_decl.defaults.iter().for_each(act);
        }
        Stmt::Do(it) => {
            act(&it.call.expr);
            each_argument(&it.call.args, act);
        }
        Stmt::Template(_)
        | Stmt::Block(_)
        | Stmt::EmitRaw(_)
        | Stmt::Continue(_)
        | Stmt::Break(_) => {}
    }
}

/// The statements within a statement. Only loops and conditions have two bodies.
fn bodies<'s, 'a>(statement: &'s Stmt<'a>) -> [&'s [Stmt<'a>]; 2] {
    match statement {
        Stmt::Template(it) => [&it.children, &[]],
        Stmt::ForLoop(it) => [&it.body, &it.else_body],
        Stmt::IfCond(it) => [&it.true_body, &it.false_body],
        Stmt::WithBlock(it) => [&it.body, &[]],
        Stmt::SetBlock(it) => [&it.body, &[]],
        Stmt::AutoEscape(it) => [&it.body, &[]],
        Stmt::FilterBlock(it) => [&it.body, &[]],
        Stmt::Block(it) => [&it.body, &[]],
        Stmt::Macro(it) => [&it.body, &[]],
        Stmt::CallBlock(it) => [&it.macro_decl.body, &[]],
        Stmt::EmitExpr(_)
        | Stmt::EmitRaw(_)
        | Stmt::Set(_)
        | Stmt::Import(_)
        | Stmt::FromImport(_)
        | Stmt::Extends(_)
        | Stmt::Include(_)
        | Stmt::Do(_)
        | Stmt::Continue(_)
        | Stmt::Break(_) => [&[], &[]],
    }
}

/// Calls `act` for each direct part of an expression.
pub(super) fn each_part<'a>(expression: &Expr<'a>, act: &mut dyn FnMut(&Expr<'a>)) {
    match expression {
        Expr::Var(_) | Expr::Const(_) => {}
        Expr::Slice(it) => {
            act(&it.expr);
            [&it.start, &it.stop, &it.step]
                .into_iter()
                .flatten()
                .for_each(act);
        }
        Expr::UnaryOp(it) => act(&it.expr),
        Expr::BinOp(it) => {
            act(&it.left);
            act(&it.right);
        }
        Expr::Compare(it) => {
            act(&it.expr);
            it.ops.iter().for_each(|it| act(&it.expr));
        }
        Expr::IfExpr(it) => {
            act(&it.test_expr);
            act(&it.true_expr);
            it.false_expr.iter().for_each(act);
        }
        Expr::Filter(it) => {
            it.expr.iter().for_each(&mut *act);
            each_argument(&it.args, act);
        }
        Expr::Test(it) => {
            act(&it.expr);
            each_argument(&it.args, act);
        }
        Expr::GetAttr(it) => act(&it.expr),
        Expr::GetItem(it) => {
            act(&it.expr);
            act(&it.subscript_expr);
        }
        Expr::Call(it) => {
            act(&it.expr);
            each_argument(&it.args, act);
        }
        Expr::List(it) => it.items.iter().for_each(act),
        Expr::Tuple(it) => it.items.iter().for_each(act),
        Expr::Map(it) => it.keys.iter().chain(&it.values).for_each(act),
    }
}

fn each_argument<'a>(arguments: &[CallArg<'a>], act: &mut dyn FnMut(&Expr<'a>)) {
    for argument in arguments {
        match argument {
            CallArg::Pos(it)
            | CallArg::Kwarg(_, it)
            | CallArg::PosSplat(it)
            | CallArg::KwargSplat(it) => act(it),
        }
    }
}
