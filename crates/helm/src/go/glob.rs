//! Glob patterns of `.Files.Glob`, as in gobwas/glob with `/` as separator.

#[derive(Debug)]
pub(crate) struct Glob {
    program: Vec<Step>,
}

/// An instruction of the compiled pattern.
#[derive(Clone, Debug)]
enum Step {
    Take(Class),
    /// Continues at both positions.
    Split(usize, usize),
    Jump(usize),
    End,
}

#[derive(Clone, Debug)]
enum Class {
    Char(char),
    /// Any character; if `true`, except a separator.
    Any(bool),
    List(Vec<char>, bool),
    Range(char, char, bool),
}

/// The pattern is malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadGlob;

enum Part {
    Class(Class),
    /// Any number of a class.
    Many(Class),
    OneOf(Vec<Vec<Part>>),
}

impl Glob {
    /// Compiles a pattern: `*` does not match `/`, `**` does, `?` is one character except `/`, `[abc]`, `[!a-z]`, `{a,b*}`; `\`
    /// escapes a character.
    pub(crate) fn new(pattern: &str) -> Result<Glob, BadGlob> {
        let mut parser = Parser {
            chars: pattern.chars().collect(),
            at: 0,
        };
        let parts = parser.parts(false)?;
        let mut program = Vec::new();
        compile(&parts, &mut program);
        program.push(Step::End);
        Ok(Glob { program })
    }

    /// Whether the pattern matches the whole path, in linear time.
    pub(crate) fn matches(&self, path: &str) -> bool {
        let mut current = vec![false; self.program.len()];
        self.reach(0, &mut current);
        for c in path.chars() {
            let mut next = vec![false; self.program.len()];
            for (at, step) in self.program.iter().enumerate() {
                if current.get(at) == Some(&true)
                    && let Step::Take(class) = step
                    && class.takes(c)
                {
                    self.reach(at + 1, &mut next);
                }
            }
            current = next;
        }
        current.last() == Some(&true)
    }

    /// Marks all positions that are reachable without consuming a character.
    fn reach(&self, start: usize, positions: &mut [bool]) {
        let mut open = vec![start];
        while let Some(at) = open.pop() {
            match positions.get_mut(at) {
                Some(position) if !*position => *position = true,
                _ => continue,
            }
            match self.program.get(at) {
                Some(Step::Split(a, b)) => open.extend([*a, *b]),
                Some(Step::Jump(to)) => open.push(*to),
                _ => {}
            }
        }
    }
}

impl Class {
    fn takes(&self, c: char) -> bool {
        match self {
            Class::Char(own) => *own == c,
            Class::Any(stops) => !stops || c != '/',
            Class::List(chars, negates) => chars.contains(&c) != *negates,
            Class::Range(low, high, negates) => (*low..=*high).contains(&c) != *negates,
        }
    }
}

fn compile(parts: &[Part], program: &mut Vec<Step>) {
    for part in parts {
        match part {
            Part::Class(class) => program.push(Step::Take(class.clone())),
            Part::Many(class) => {
                let start = program.len();
                program.push(Step::Split(start + 1, start + 3));
                program.push(Step::Take(class.clone()));
                program.push(Step::Jump(start));
            }
            Part::OneOf(alternatives) => {
                let mut ends = Vec::new();
                for alternative in alternatives {
                    let start = program.len();
                    program.push(Step::End);
                    compile(alternative, program);
                    ends.push(program.len());
                    program.push(Step::End);
                    let next = program.len();
                    if let Some(step) = program.get_mut(start) {
                        *step = Step::Split(start + 1, next);
                    }
                }
                // After the last alternative: an empty class that never matches.
                program.push(Step::Take(Class::List(Vec::new(), false)));
                let behind = program.len();
                for end in ends {
                    if let Some(step) = program.get_mut(end) {
                        *step = Step::Jump(behind);
                    }
                }
            }
        }
    }
}

struct Parser {
    chars: Vec<char>,
    at: usize,
}

impl Parser {
    fn next(&mut self) -> Option<char> {
        let c = self.chars.get(self.at).copied();
        self.at += usize::from(c.is_some());
        c
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    /// Reads parts up to the end, or in braces up to a comma or the closing brace, without consuming it.
    fn parts(&mut self, in_braces: bool) -> Result<Vec<Part>, BadGlob> {
        let mut parts = Vec::new();
        while let Some(c) = self.peek() {
            if in_braces && matches!(c, ',' | '}') {
                break;
            }
            self.at += 1;
            parts.push(match c {
                '*' if self.peek() == Some('*') => {
                    self.at += 1;
                    Part::Many(Class::Any(false))
                }
                '*' => Part::Many(Class::Any(true)),
                '?' => Part::Class(Class::Any(true)),
                '[' => Part::Class(self.class()?),
                '{' => self.braces()?,
                '\\' => match self.next() {
                    Some(escaped) => Part::Class(Class::Char(escaped)),
                    None => break,
                },
                c => Part::Class(Class::Char(c)),
            });
        }
        Ok(parts)
    }

    /// Reads alternatives; an unclosed brace ends with the pattern.
    fn braces(&mut self) -> Result<Part, BadGlob> {
        let mut alternatives = vec![self.parts(true)?];
        while self.next() == Some(',') {
            alternatives.push(self.parts(true)?);
        }
        Ok(Part::OneOf(alternatives))
    }

    fn class(&mut self) -> Result<Class, BadGlob> {
        let negates = self.peek() == Some('!');
        self.at += usize::from(negates);
        if self.chars.get(self.at + 1) == Some(&'-') {
            let (low, high) = (self.next().ok_or(BadGlob)?, self.chars.get(self.at + 1));
            let high = *high.ok_or(BadGlob)?;
            self.at += 2;
            return match self.next() == Some(']') && low <= high {
                true => Ok(Class::Range(low, high, negates)),
                false => Err(BadGlob),
            };
        }
        let mut chars = Vec::new();
        loop {
            match self.next().ok_or(BadGlob)? {
                ']' if chars.is_empty() => return Err(BadGlob),
                ']' => return Ok(Class::List(chars, negates)),
                '\\' => chars.push(self.next().ok_or(BadGlob)?),
                c => chars.push(c),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_gobwas() {
        for (pattern, path, expected) in [
            ("*", "a", true),
            ("*", "a/b", false),
            ("**", "a/b", true),
            ("a/*.yaml", "a/b.yaml", true),
            ("a/*.yaml", "a/c/b.yaml", false),
            ("a/**.yaml", "a/c/b.yaml", true),
            ("**/b", "b", false),
            ("{a,b/*}", "b/c", true),
            ("{a,b}x", "bx", true),
            ("{a,b}x", "cx", false),
            ("{a,{b,c}d}", "cd", true),
            ("{a,b", "b", true),
            ("[ab]", "b", true),
            ("[!ab]", "c", true),
            ("[!ab]", "/", true),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("?", "/", false),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("", "", true),
            ("", "a", false),
            ("a,b", "a,b", true),
            (
                "*a*a*a*a*a*a*a*b",
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                false,
            ),
        ] {
            assert_eq!(
                Glob::new(pattern).unwrap().matches(path),
                expected,
                "{pattern} {path}"
            );
        }
        for pattern in ["[", "[]", "[!]", "[a-z0-9]", "[z-a]", "[a-", "[a"] {
            assert_eq!(Glob::new(pattern).err(), Some(BadGlob), "{pattern}");
        }
    }
}
