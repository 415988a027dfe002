//! Parses tokens to nodes: libyaml's grammar, with an explicit stack of open collections, so that deep nesting cannot overflow the
//! stack.

use super::Mode;
use super::attach::{Attacher, Comments};
use super::build::{Anchors, Builder};
use super::scan::{Scan, Scanner, Text, Token, TokenKind};
use crate::diag::{Diagnostics, Span};
use crate::{Node, Style, Tag};

/// The maximum depth of nested collections.
// Code that processes nodes is recursive, on a stack of 8 MiB.
pub(super) const DEPTH_MAX: usize = 1_000;

pub(super) struct Parser<'s> {
    pub(super) scan: Scanner<'s>,
    token: Token,
    frames: Vec<Frame>,
    /// The complete values of all open collections, one after the other, with keys and values alternating.
    children: Vec<Node>,
    builder: Builder<'s>,
    mode: Mode,
    /// With [`Mode::Written`], and then the comments of the document.
    pub(super) attacher: Option<Attacher>,
    pub(super) comments: Comments,
}

struct Frame {
    /// The expected next part.
    state: State,
    /// The index of its first child.
    base: usize,
    properties: Properties,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    BlockKey,
    BlockValue,
    BlockItem,
    /// An item of a list whose dashes are in the column of its key.
    DashItem,
    FlowFirstItem,
    FlowItem,
    /// The key, the value and the end of an item `key: value` of a flow sequence.
    PairKey,
    PairValue,
    PairEnd,
    FlowFirstKey,
    FlowKey,
    FlowValue,
    /// The missing value of a key in a flow mapping.
    FlowNoValue,
}

/// The anchor and tag before a value, and its start.
#[derive(Clone, Copy)]
struct Properties {
    start: u32,
    tag: Tag,
    /// The anchor's name as a range of the source.
    anchor: Option<(u32, u32)>,
}

impl<'s> Parser<'s> {
    pub(super) fn new(scan: Scanner<'s>, anchors: Anchors<'s>, mode: Mode) -> Parser<'s> {
        let token = scan.token(TokenKind::StreamEnd, scan.at);
        let builder = Builder::new(anchors, mode);
        Parser {
            scan,
            token,
            frames: Vec::new(),
            children: Vec::new(),
            builder,
            mode,
            attacher: None,
            comments: Comments::default(),
        }
    }

    /// The requested documents. An error that stops reading comes after all others.
    pub(super) fn documents(&mut self) -> (Vec<Node>, Diagnostics) {
        let mut documents = Vec::new();
        if let Err(fault) = self.read(&mut documents) {
            self.builder.faults.push(*fault);
        }
        (documents, std::mem::take(&mut self.builder.faults))
    }

    fn read(&mut self, documents: &mut Vec<Node>) -> Scan<()> {
        self.advance()?;
        let starts = [
            TokenKind::Directive,
            TokenKind::DocumentStart,
            TokenKind::StreamEnd,
        ];
        // Only the first document may omit `---`.
        if !starts.contains(&self.token.kind) {
            if let Some(attacher) = &mut self.attacher {
                attacher.begin_document();
            }
            documents.push(self.document()?);
        }
        while self.mode == Mode::All || documents.is_empty() {
            // Only before the first document, `...` may occur without a document.
            while self.token.kind == TokenKind::DocumentEnd && !documents.is_empty() {
                self.advance()?;
            }
            if self.token.kind == TokenKind::StreamEnd {
                break;
            }
            while self.token.kind == TokenKind::Directive {
                self.advance()?;
            }
            if self.token.kind != TokenKind::DocumentStart {
                return Err(self.no_document_start());
            }
            self.advance()?;
            let ends = matches!(
                self.token.kind,
                TokenKind::Directive
                    | TokenKind::DocumentStart
                    | TokenKind::DocumentEnd
                    | TokenKind::StreamEnd
            );
            let document = if ends {
                // `---` without content is a document with null.
                self.push_empty(self.token.start)?;
                self.end_document()
            } else {
                self.document()?
            };
            documents.push(document);
        }
        Ok(())
    }

    fn document(&mut self) -> Scan<Node> {
        self.builder.begin_document();
        self.node(true, false)?;
        while let Some(state) = self.frames.last().map(|it| it.state) {
            self.step(state)?;
        }
        Ok(self.end_document())
    }

    fn end_document(&mut self) -> Node {
        // Only the root remains; all other nodes were moved into their collections.
        let root = self.children.pop().unwrap_or_else(Node::null);
        if let Some(attacher) = &mut self.attacher {
            self.comments = attacher.end_document(&root);
        }
        root
    }

    fn step(&mut self, state: State) -> Scan<()> {
        match state {
            State::BlockKey => self.block_key(),
            State::BlockValue => self.block_value(),
            State::BlockItem => self.block_item(),
            State::DashItem => self.dash_item(),
            State::FlowFirstItem => self.flow_item(true),
            State::FlowItem => self.flow_item(false),
            State::PairKey => self.pair_key(),
            State::PairValue => self.pair_value(),
            State::PairEnd => self.close_mapping(self.end_of_last()),
            State::FlowFirstKey => self.flow_key(true),
            State::FlowKey => self.flow_key(false),
            State::FlowValue => self.flow_value(),
            State::FlowNoValue => {
                self.go(State::FlowKey);
                self.push_empty(self.token.start)
            }
        }
    }

    fn block_key(&mut self) -> Scan<()> {
        match self.token.kind {
            TokenKind::Key => {
                let mark = self.token.end;
                self.advance()?;
                self.go(State::BlockValue);
                match self.token.kind {
                    // By far the most common case, without anchors and tags.
                    TokenKind::Scalar => self.scalar(self.token.start, Tag::None, None),
                    TokenKind::Key | TokenKind::Value | TokenKind::BlockEnd => {
                        self.push_empty(mark)
                    }
                    _ => self.node(true, true),
                }
            }
            TokenKind::BlockEnd => {
                self.take_comments();
                self.advance()?;
                self.close_mapping(self.end_of_last())
            }
            _ => Err(self.expected_key()),
        }
    }

    fn block_value(&mut self) -> Scan<()> {
        self.go(State::BlockKey);
        if self.token.kind != TokenKind::Value {
            // A `?` key may have no `:` at all.
            return self.push_empty(self.token.start);
        }
        let mark = self.token.end;
        self.advance()?;
        match self.token.kind {
            TokenKind::Scalar => self.scalar(self.token.start, Tag::None, None),
            TokenKind::Key | TokenKind::Value | TokenKind::BlockEnd => self.push_empty(mark),
            _ => self.node(true, true),
        }
    }

    fn block_item(&mut self) -> Scan<()> {
        match self.token.kind {
            TokenKind::BlockEntry => {
                let mark = self.token.end;
                self.after_dash()?;
                match self.token.kind {
                    TokenKind::BlockEntry | TokenKind::BlockEnd => self.push_empty(mark),
                    _ => self.node(true, false),
                }
            }
            TokenKind::BlockEnd => {
                self.advance()?;
                self.close_sequence(self.end_of_last(), Style::Plain)
            }
            _ => Err(self.expected_dash()),
        }
    }

    fn dash_item(&mut self) -> Scan<()> {
        // There is no token for the end of such a list: the next key of the parent map ends it.
        if self.token.kind != TokenKind::BlockEntry {
            return self.close_sequence(self.end_of_last(), Style::Plain);
        }
        let mark = self.token.end;
        self.after_dash()?;
        match self.token.kind {
            TokenKind::BlockEntry | TokenKind::Key | TokenKind::Value | TokenKind::BlockEnd => {
                self.push_empty(mark)
            }
            _ => self.node(true, false),
        }
    }

    fn flow_item(&mut self, first: bool) -> Scan<()> {
        if self.token.kind != TokenKind::FlowSequenceEnd {
            if !first {
                self.flow_comma("`,` or `]`")?;
            }
            match self.token.kind {
                TokenKind::Key => {
                    let start = self.token.start;
                    self.advance()?;
                    self.go(State::FlowItem);
                    return self.open_bare(
                        State::PairKey,
                        Properties {
                            start,
                            tag: Tag::None,
                            anchor: None,
                        },
                    );
                }
                TokenKind::FlowSequenceEnd => {}
                _ => {
                    self.go(State::FlowItem);
                    return self.node(false, false);
                }
            }
        }
        let end = self.token.end;
        self.take_comments();
        self.advance()?;
        self.close_sequence(end, Style::Flow)
    }

    fn pair_key(&mut self) -> Scan<()> {
        self.go(State::PairValue);
        match self.token.kind {
            // libyaml skips the token here, so the value is unexpected.
            TokenKind::Value | TokenKind::FlowEntry | TokenKind::FlowSequenceEnd => {
                let mark = self.token.end;
                self.advance()?;
                self.push_empty(mark)
            }
            _ => self.node(false, false),
        }
    }

    fn pair_value(&mut self) -> Scan<()> {
        self.go(State::PairEnd);
        self.flow_mapping_value(TokenKind::FlowSequenceEnd)
    }

    fn flow_key(&mut self, first: bool) -> Scan<()> {
        if self.token.kind != TokenKind::FlowMappingEnd {
            if !first {
                self.flow_comma("`,` or `}`")?;
            }
            match self.token.kind {
                TokenKind::Key => {
                    self.advance()?;
                    self.go(State::FlowValue);
                    return match self.token.kind {
                        TokenKind::Value | TokenKind::FlowEntry | TokenKind::FlowMappingEnd => {
                            self.push_empty(self.token.start)
                        }
                        _ => self.node(false, false),
                    };
                }
                TokenKind::FlowMappingEnd => {}
                _ => {
                    // `{a, b: 1}`: whether the key has a value is only known after it.
                    self.go(State::FlowNoValue);
                    return self.node(false, false);
                }
            }
        }
        let end = self.token.end;
        self.take_comments();
        self.advance()?;
        self.close_mapping(end)
    }

    fn flow_value(&mut self) -> Scan<()> {
        self.go(State::FlowKey);
        self.flow_mapping_value(TokenKind::FlowMappingEnd)
    }

    fn flow_mapping_value(&mut self, closing: TokenKind) -> Scan<()> {
        if self.token.kind != TokenKind::Value {
            return self.push_empty(self.token.start);
        }
        self.advance()?;
        match self.token.kind {
            TokenKind::FlowEntry => self.push_empty(self.token.start),
            kind if kind == closing => self.push_empty(self.token.start),
            _ => self.node(false, false),
        }
    }

    fn flow_comma(&mut self, expected: &str) -> Scan<()> {
        if self.token.kind == TokenKind::FlowEntry {
            return self.advance();
        }
        Err(self.unclosed_flow(expected))
    }

    /// One value. `dashes`: a list may begin in the column of its key.
    fn node(&mut self, block: bool, dashes: bool) -> Scan<()> {
        match self.token.kind {
            TokenKind::Scalar => return self.scalar(self.token.start, Tag::None, None),
            TokenKind::Alias => return self.alias(),
            _ => {}
        }
        let mut properties = Properties {
            start: self.token.start,
            tag: Tag::None,
            anchor: None,
        };
        let mark = self.properties(&mut properties)?;
        let state = match self.token.kind {
            TokenKind::Scalar => {
                return self.scalar(properties.start, properties.tag, properties.anchor);
            }
            // `key:` and `- a` in the same column: the scanner does not open a collection, because the column is not deeper.
            TokenKind::BlockEntry if dashes => {
                return self.open_bare(State::DashItem, properties);
            }
            TokenKind::BlockSequenceStart if block => State::BlockItem,
            TokenKind::BlockMappingStart if block => State::BlockKey,
            TokenKind::FlowSequenceStart => State::FlowFirstItem,
            TokenKind::FlowMappingStart => State::FlowFirstKey,
            _ => match mark {
                // `&a` or `!!str` without a value is an empty value with these properties.
                Some(end) => {
                    let style = self.empty_style();
                    let node = Node::slice(
                        self.span(properties.start, end),
                        end as usize..end as usize,
                        style,
                        properties.tag,
                    );
                    return self.finish(node, properties.anchor);
                }
                None => return Err(self.expected_value()),
            },
        };
        if let Some(attacher) = &mut self.attacher {
            match state {
                State::FlowFirstItem | State::FlowFirstKey => attacher.open_flow(),
                _ => attacher.open_block(),
            }
        }
        self.advance()?;
        self.open(state, properties)
    }

    /// Moves to the token after a dash.
    fn after_dash(&mut self) -> Scan<()> {
        let above = self.attacher.as_ref().map(Attacher::head_len);
        self.advance()?;
        if let (Some(attacher), Some(above)) = (&mut self.attacher, above) {
            attacher.after_dash(above, self.token.kind);
        }
        Ok(())
    }

    /// The comments up to the current token belong to the next node that is completed.
    fn take_comments(&mut self) {
        if let Some(attacher) = &mut self.attacher {
            attacher.value();
        }
    }

    /// Reads an anchor and a tag, in any order; returns their end, if there are any.
    fn properties(&mut self, properties: &mut Properties) -> Scan<Option<u32>> {
        let (mut end, mut tagged) = (None, false);
        loop {
            match self.token.kind {
                TokenKind::Anchor if properties.anchor.is_none() => {
                    properties.anchor = Some((self.token.start + 1, self.token.end));
                }
                TokenKind::Tag if !tagged => {
                    properties.tag = self.token.tag;
                    tagged = true;
                }
                _ => return Ok(end),
            }
            end = Some(self.token.end);
            self.advance()?;
        }
    }

    fn scalar(&mut self, start: u32, tag: Tag, anchor: Option<(u32, u32)>) -> Scan<()> {
        let span = self.span(start, self.token.end);
        let style = self.style(tag);
        let node = match std::mem::replace(&mut self.scan.scalar.1, Text::Slice(0, 0)) {
            Text::Slice(from, to) => Node::slice(span, from as usize..to as usize, style, tag),
            Text::Owned(text) => Node::owned(span, text, style, tag),
        };
        self.take_comments();
        self.advance()?;
        self.finish(node, anchor)
    }

    /// The style of the scalar. Quotes are ignored next to a tag for another type: `!!int "5"` is a number.
    fn style(&self, tag: Tag) -> Style {
        let is_open = matches!(tag, Tag::None | Tag::Str | Tag::Binary | Tag::Other);
        match self.scan.scalar.0 {
            style if is_open || self.mode == Mode::Written => style,
            _ => Style::Plain,
        }
    }

    fn alias(&mut self) -> Scan<()> {
        let (start, end) = (self.token.start as usize, self.token.end as usize);
        let node = self.builder.alias(
            self.scan.span(start..end),
            &self.scan.text[start + 1..end],
            self.frames.len(),
        )?;
        self.take_comments();
        self.advance()?;
        self.finish(node, None)
    }

    /// Opens a collection that has no comments itself.
    fn open_bare(&mut self, state: State, properties: Properties) -> Scan<()> {
        if let Some(attacher) = &mut self.attacher {
            attacher.open_bare();
        }
        self.open(state, properties)
    }

    fn open(&mut self, state: State, properties: Properties) -> Scan<()> {
        if self.frames.len() >= DEPTH_MAX {
            return Err(self
                .builder
                .too_deep(self.span(properties.start, properties.start), DEPTH_MAX));
        }
        if let Some(name) = properties.anchor {
            self.builder.open_anchor(self.name(name));
        }
        self.frames.push(Frame {
            state,
            base: self.children.len(),
            properties,
        });
        Ok(())
    }

    fn close_sequence(&mut self, end: u32, style: Style) -> Scan<()> {
        let Some(Frame {
            base, properties, ..
        }) = self.frames.pop()
        else {
            return Ok(());
        };
        if let Some(attacher) = &mut self.attacher {
            attacher.close(self.children.get(base..).unwrap_or(&[]), style, false);
        }
        // Collected with their exact number, so that each collection needs one allocation.
        let items: Vec<Node> = self.children.drain(base..).collect();
        let node = Node::items(
            self.span(properties.start, end),
            items,
            style,
            properties.tag,
        );
        self.finish(node, properties.anchor)
    }

    fn close_mapping(&mut self, end: u32) -> Scan<()> {
        let Some(Frame {
            base,
            properties,
            state,
        }) = self.frames.pop()
        else {
            return Ok(());
        };
        // Only a block mapping expects a block key in this state.
        let style = if state == State::BlockKey {
            Style::Plain
        } else {
            Style::Flow
        };
        if let Some(attacher) = &mut self.attacher {
            attacher.close(self.children.get(base..).unwrap_or(&[]), style, true);
        }
        let mapping = self.builder.mapping(self.children.drain(base..))?;
        let node = Node::entries(
            self.span(properties.start, end),
            mapping,
            style,
            properties.tag,
        );
        self.finish(node, properties.anchor)
    }

    /// Adds a value to its parent collection.
    fn finish(&mut self, node: Node, anchor: Option<(u32, u32)>) -> Scan<()> {
        self.builder.count(&node)?;
        if let Some(name) = anchor {
            let name = self.name(name);
            self.builder.close_anchor(name, &node)?;
        }
        self.children.push(node);
        if let Some(attacher) = &mut self.attacher {
            attacher.finish();
        }
        Ok(())
    }

    fn push_empty(&mut self, at: u32) -> Scan<()> {
        let node = self.empty(at);
        self.finish(node, None)
    }

    /// The node for a missing value.
    fn empty(&self, at: u32) -> Node {
        Node::slice(
            self.span(at, at),
            at as usize..at as usize,
            self.empty_style(),
            Tag::None,
        )
    }

    fn empty_style(&self) -> Style {
        match self.frames.last().map(|it| it.state) {
            None
            | Some(State::BlockKey | State::BlockValue | State::BlockItem | State::DashItem) => {
                Style::Plain
            }
            _ => Style::Flow,
        }
    }

    /// The end of the last value of the innermost collection.
    fn end_of_last(&self) -> u32 {
        // A collection without a value, such as a lone `- `, ends at its start.
        let start = self.frames.last().map_or(0, |it| it.properties.start);
        self.children
            .last()
            .map_or(start, |it| it.span().end.max(start))
    }

    fn go(&mut self, state: State) {
        if let Some(frame) = self.frames.last_mut() {
            frame.state = state;
        }
    }

    fn advance(&mut self) -> Scan<()> {
        self.token = self.scan.next()?;
        if let Some(attacher) = &mut self.attacher {
            attacher.token(self.token.kind);
        }
        Ok(())
    }

    fn name(&self, (start, end): (u32, u32)) -> &'s str {
        &self.scan.text[start as usize..end as usize]
    }

    fn span(&self, start: u32, end: u32) -> Span {
        Span::from_offsets(self.scan.source, start, end)
    }
}

impl Parser<'_> {
    fn no_document_start(&self) -> Box<crate::diag::Diagnostic> {
        let fault = self.scan.unexpected(
            self.token,
            "the end of the document, or `---` before another one",
        );
        Box::new(
            fault.help(
                "quote the whole value: a quoted value ends at the closing quote, a list or map at the closing bracket",
            ),
        )
    }

    fn expected_key(&self) -> Box<crate::diag::Diagnostic> {
        let after_value = self.end_of_last() as usize..self.token.start as usize;
        if self
            .scan
            .text
            .get(after_value)
            .is_some_and(|it| !it.contains('\n'))
        {
            let fault = self
                .scan
                .unexpected(self.token, "the end of the line after the value");
            return Box::new(fault.help(
                "quote the whole value: a quoted value ends at the closing quote, a list or map at the closing bracket",
            ));
        }
        let fault = self.scan.unexpected(self.token, "the next key of the map");
        let start = self.frames.last().map_or(0, |it| it.properties.start);
        let fault = fault.related(self.span(start, start), "the map begins here");
        Box::new(fault.help("indent all keys of a map to the same column"))
    }

    fn expected_dash(&self) -> Box<crate::diag::Diagnostic> {
        let fault = self
            .scan
            .unexpected(self.token, "`- ` and the next item of the list");
        let start = self.frames.last().map_or(0, |it| it.properties.start);
        let fault = fault.related(self.span(start, start), "the list begins here");
        Box::new(fault.help("indent all dashes of a list to the same column"))
    }

    fn unclosed_flow(&self, expected: &str) -> Box<crate::diag::Diagnostic> {
        let fault = self.scan.unexpected(self.token, expected);
        let start = self.frames.last().map_or(0, |it| it.properties.start);
        let fault = fault.related(self.span(start, start + 1), "opened here");
        Box::new(
            fault.help("close the bracket, or quote a string that contains brackets or commas"),
        )
    }

    fn expected_value(&self) -> Box<crate::diag::Diagnostic> {
        let fault = self.scan.unexpected(self.token, "a value");
        Box::new(fault.help("quote a value that begins with a special character"))
    }
}
