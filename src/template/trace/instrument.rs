//! Inserts filters into the text of a template that record what each expression reads, and which line printed a text.
//!
//! `{{ x }}` becomes `{{ ((x)|pleach_trace_out(7)) }}`, a condition `((x)|pleach_trace_if(8))`, and after each run of fixed text in
//! a line comes `{{ 0|pleach_trace_line(9) }}`, which prints a mark that is removed before the output is parsed. The numbers are
//! those of [`Tag`]s. A template that cannot be instrumented in this way is rendered without filters, and its values have fewer
//! origins.

use std::ops::Range;

use minijinja::machinery::{Token, ast, parse, tokenize};
use minijinja::syntax::SyntaxConfig;

use super::super::guard::{Insertion, each_expression, each_part, insert, start};
use ast::{BinOpKind, Expr, Stmt};

pub(super) const PREFIX: &str = "pleach_trace_";

/// A location in a template that reads values or prints text.
#[derive(Clone, Debug)]
pub(in super::super) struct Tag {
    /// The name of the text.
    pub(super) template: String,
    /// Its bytes in the original text.
    pub(super) range: Range<usize>,
    /// The conditions and loops around it, the outermost first.
    pub(super) within: Vec<usize>,
    /// Variables of the template that its expression uses.
    pub(super) uses: Vec<VariableUse>,
    /// The names that it sets.
    pub(super) sets: Vec<String>,
    /// Whether its expression only tests whether maps and lists are empty.
    pub(super) is_truth: bool,
}

/// A variable in an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct VariableUse {
    pub(super) name: String,
    /// Whether the whole value is used and not only a field.
    pub(super) is_whole: bool,
}

struct Instrument<'a> {
    name: &'a str,
    text: &'a str,
    /// The offsets at which tags end.
    ends: Vec<usize>,
    tags: &'a mut Vec<Tag>,
    insertions: Vec<Insertion>,
}

/// The text with filters; `None` if an expression cannot be instrumented. New tags are added to `tags`.
pub(super) fn instrument(
    name: &str,
    text: &str,
    syntax: &SyntaxConfig,
    tags: &mut Vec<Tag>,
) -> Option<String> {
    let tree = parse(text, "template", syntax.clone()).ok()?;
    let tokens = tokenize(text, false, syntax.clone()).map_while(Result::ok);
    let ends = tokens
        .filter(|it| matches!(it.0, Token::BlockEnd))
        .map(|it| it.1.start_offset as usize);
    let before = tags.len();
    let mut instrument = Instrument {
        name,
        text,
        ends: ends.collect(),
        tags,
        insertions: Vec::new(),
    };
    instrument.statement(&tree, &[]);
    let traced = instrument.finish();
    let parsed = parse(&traced, "template", syntax.clone());
    let mut is_complete = parsed.is_ok();
    if let Ok(parsed) = parsed {
        each_expression(&parsed, &mut |it| is_complete &= !is_untraced(it));
    }
    if !is_complete {
        tags.truncate(before);
        return None;
    }
    Some(traced)
}

/// Whether an expression reads values without a trace filter.
fn is_untraced(expression: &Expr) -> bool {
    !matches!(expression, Expr::Filter(it) if it.name.starts_with(PREFIX))
        && !matches!(expression, Expr::Const(_) | Expr::Call(_) | Expr::Var(_))
}

impl Instrument<'_> {
    fn tag(&mut self, range: Range<usize>, within: &[usize], uses: Vec<VariableUse>) -> usize {
        self.tags.push(Tag {
            template: self.name.to_string(),
            range,
            within: within.to_vec(),
            uses,
            sets: Vec::new(),
            is_truth: false,
        });
        self.tags.len() - 1
    }

    /// The beginning of an expression whose span begins at `at`. The span of `not` and `not in` wrongly begins at the keyword
    /// before them, which is skipped.
    fn begin(&self, at: usize) -> usize {
        let rest = self.text.get(at..).unwrap_or("");
        let keyword = ["if", "in", "elif"].iter().find_map(|it| {
            let rest = rest.strip_prefix(it)?;
            rest.starts_with(char::is_whitespace)
                .then(|| it.len() + rest.len() - rest.trim_start().len())
        });
        at + keyword.unwrap_or(0)
    }

    fn add(&mut self, at: usize, order: u8, text: String) {
        self.insertions.push(Insertion { at, order, text });
    }

    /// Applies a filter to the value of an expression.
    fn wrap(&mut self, expression: &Expr, filter: &str, within: &[usize]) -> usize {
        let range = self.begin(start(expression))..expression.span().end_offset as usize;
        let mut uses = Vec::new();
        variables(expression, false, &mut uses);
        let tag = self.tag(range.clone(), within, uses);
        if let Some(tag) = self.tags.get_mut(tag) {
            tag.is_truth = is_truth(expression);
        }
        self.add(range.start, 1, "((".to_string());
        self.add(range.end, 0, format!(")|{PREFIX}{filter}({tag}))"));
        tag
    }

    /// Inserts a filter at the beginning of a block, whose opening tag ends after the offset `after`.
    fn open(&mut self, after: usize, value: &str, filter: &str, tag: usize) {
        let next = self.ends.partition_point(|it| *it < after);
        if let Some(at) = self.ends.get(next).copied() {
            let text = format!(" %}}{{% if {value}|{PREFIX}{filter}({tag}) %}}{{% endif ");
            self.add(at, 2, text);
        }
    }

    fn all(&mut self, statements: &[Stmt], within: &[usize]) {
        statements.iter().for_each(|it| self.statement(it, within));
    }

    fn statement(&mut self, statement: &Stmt, within: &[usize]) {
        match statement {
            Stmt::Template(it) => self.all(&it.children, within),
            Stmt::EmitExpr(it) => _ = self.wrap(&it.expr, "out", within),
            Stmt::EmitRaw(it) => self.fixed_text(it.raw, within),
            Stmt::ForLoop(it) => self.for_loop(it, within),
            Stmt::IfCond(it) => {
                let tag = self.wrap(&it.expr, "if", within);
                let inner = [within, &[tag]].concat();
                self.all(&it.true_body, &inner);
                self.all(&it.false_body, &inner);
            }
            Stmt::WithBlock(it) => {
                for (target, value) in &it.assignments {
                    self.set(target, value, within);
                }
                self.all(&it.body, within);
            }
            Stmt::Set(it) => self.set(&it.target, &it.expr, within),
            Stmt::Macro(it) => self.macro_block(it),
            Stmt::Include(it) => _ = self.wrap(&it.name, "include", within),
            Stmt::SetBlock(it) => self.all(&it.body, within),
            Stmt::AutoEscape(it) => self.all(&it.body, within),
            Stmt::FilterBlock(it) => self.all(&it.body, within),
            Stmt::Block(it) => self.all(&it.body, within),
            Stmt::CallBlock(it) => self.all(&it.macro_decl.body, within),
            Stmt::Import(_)
            | Stmt::FromImport(_)
            | Stmt::Extends(_)
            | Stmt::Do(_)
            | Stmt::Continue(_)
            | Stmt::Break(_) => {}
        }
    }

    fn for_loop(&mut self, it: &ast::Spanned<ast::ForLoop>, within: &[usize]) {
        let tag = self.wrap(&it.iter, "for", within);
        let mut inner = [within, &[tag]].concat();
        let mut end = it.iter.span().end_offset as usize;
        if let Some(filter) = &it.filter_expr {
            end = filter.span().end_offset as usize;
            inner.push(self.wrap(filter, "if", &inner.clone()));
        }
        let names = names(&it.target);
        let values = format!("[{}]", names.join(", "));
        if let Some(tag) = self.tags.get_mut(tag) {
            tag.sets = names;
        }
        self.open(end, &values, "item", tag);
        self.all(&it.body, &inner);
        self.all(&it.else_body, &inner);
    }

    fn macro_block(&mut self, it: &ast::Spanned<ast::Macro>) {
        let names: Vec<String> = it.args.iter().flat_map(names).collect();
        let location = it.span().start_offset as usize;
        let tag = self.tag(location..location, &[], Vec::new());
        if let Some(tag) = self.tags.get_mut(tag) {
            tag.sets = names;
        }
        // Defaults are evaluated at the call of the macro.
        let arguments = it.args.iter().chain(&it.defaults);
        let end = arguments.map(|it| it.span().end_offset as usize).max();
        self.open(end.unwrap_or(location), "0", "macro", tag);
        self.all(&it.body, &[tag]);
    }

    fn set(&mut self, target: &Expr, value: &Expr, within: &[usize]) {
        let tag = self.wrap(value, "set", within);
        if let Some(tag) = self.tags.get_mut(tag) {
            tag.sets = names(target);
        }
    }

    /// Inserts a mark after each run of fixed text in a line.
    fn fixed_text(&mut self, raw: &str, within: &[usize]) {
        // `raw` is a part of `self.text`, so its address gives its offset.
        let offset = (raw.as_ptr() as usize).wrapping_sub(self.text.as_ptr() as usize);
        if self.text.get(offset..offset.saturating_add(raw.len())) != Some(raw)
            || raw.contains("{{")
            || raw.contains("{%")
        {
            return;
        }
        let mut at = offset;
        for line in raw.split_inclusive('\n') {
            let content = line.trim_end().len();
            let indent = line.len() - line.trim_start().len();
            // A brace followed by that of the mark would be parsed differently; the text before it has the mark of the next line.
            let is_open = line.get(..content).is_some_and(|it| it.ends_with('{'));
            if content > 0 && !is_open {
                let tag = self.tag(at + indent..at + content, within, Vec::new());
                self.add(at + content, 3, format!("{{{{ 0|{PREFIX}line({tag}) }}}}"));
            }
            at += line.len();
        }
    }

    fn finish(self) -> String {
        insert(self.text, self.insertions).text
    }
}

/// The variables that the target of a `for` or `set` defines.
fn names(target: &Expr) -> Vec<String> {
    match target {
        Expr::Var(it) => vec![it.id.to_string()],
        Expr::List(it) => it.items.iter().flat_map(names).collect(),
        Expr::Tuple(it) => it.items.iter().flat_map(names).collect(),
        _ => Vec::new(),
    }
}

/// Whether an expression only tests whether values exist or are empty.
fn is_truth(expression: &Expr) -> bool {
    match expression {
        Expr::Var(_) => true,
        Expr::GetAttr(it) => is_truth(&it.expr),
        Expr::UnaryOp(it) => is_truth(&it.expr),
        Expr::BinOp(it) => {
            matches!(it.op, BinOpKind::ScAnd | BinOpKind::ScOr)
                && is_truth(&it.left)
                && is_truth(&it.right)
        }
        Expr::Test(it) => matches!(it.name, "defined" | "undefined") && is_truth(&it.expr),
        _ => false,
    }
}

/// Collects the variables of an expression. `is_parent` means that only a field of the expression's value is used.
fn variables(expression: &Expr, is_parent: bool, found: &mut Vec<VariableUse>) {
    if let Expr::Var(it) = expression {
        let name = it.id.to_string();
        let used = VariableUse {
            name,
            is_whole: !is_parent,
        };
        if !found.contains(&used) {
            found.push(used);
        }
    }
    let is_field = matches!(expression, Expr::GetAttr(_));
    each_part(expression, &mut |it| variables(it, is_field, found));
}
