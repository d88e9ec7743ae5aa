//! A source with its mutants in it.
//!
//! One mutant of a build is switched on at a time, so what stands for a mutant has no others inside of it: a site
//! within a site is written once, where none of the outer one's mutants is on.

use crate::Region;
use crate::place::{Kind, Site};
use std::ops::Range;

/// The text of the mutated file, and what of it is whose. Sites are given each before what is inside of it.
pub(crate) fn mutated(source: &str, sites: &[Site]) -> (String, Vec<Region>) {
    let mut writer = Writer { source, sites, text: String::new(), regions: Vec::new() };
    writer.stretch(0..source.len(), 0);
    (writer.text, writer.regions)
}

struct Writer<'a> {
    source: &'a str,
    sites: &'a [Site],
    text: String,
    regions: Vec<Region>,
}

impl Writer<'_> {
    /// A stretch of the source with all its sites from this one on.
    fn stretch(&mut self, range: Range<usize>, from: usize) {
        let mut outer: Vec<usize> = Vec::new();
        for (index, site) in self.sites.iter().enumerate().skip(from) {
            let inside = range.start <= site.range.start && site.range.end <= range.end;
            if inside && !outer.iter().any(|other| holds(&self.sites[*other].range, &site.range)) {
                outer.push(index);
            }
        }
        outer.sort_by_key(|index| (self.sites[*index].range.start, self.sites[*index].range.end));
        let mut at = range.start;
        for index in outer {
            let site = self.sites[index].range.clone();
            self.text.push_str(&self.source[at..site.start]);
            self.site(index);
            at = site.end;
        }
        self.text.push_str(&self.source[at..range.end]);
    }

    fn site(&mut self, index: usize) {
        let start = self.text.len();
        let Site { range, kind } = &self.sites[index];
        let source = self.source;
        let ids = match kind {
            Kind::Body(instead) => {
                let ids = self.choice(" ", instead, |value| format!("return {value}"));
                self.text.push_str("{} }");
                ids
            }
            Kind::Equality(id) => {
                self.text.push_str("((");
                self.stretch(range.clone(), index + 1);
                self.text.push_str(&format!(") ^ ::mutant_switch::active({id}))"));
                vec![*id]
            }
            Kind::Operator { left, right, instead } => {
                let (left, right) = (&source[left.clone()], &source[right.clone()]);
                let ids = self.choice("(", instead, |operator| format!("{left} {operator} {right}"));
                self.stretch(range.clone(), index + 1);
                self.text.push_str(" })");
                ids
            }
            Kind::Operand(id, operand) => {
                let operand = &source[operand.clone()];
                self.text.push_str(&format!("(if ::mutant_switch::active({id}) {{ {operand} }} else {{ "));
                self.stretch(range.clone(), index + 1);
                self.text.push_str(" })");
                vec![*id]
            }
            Kind::Guard(instead) => {
                let ids = self.choice("(", instead, String::clone);
                self.stretch(range.clone(), index + 1);
                self.text.push_str(" })");
                ids
            }
            Kind::Arm(id) => {
                self.text.push_str(&format!(" if !::mutant_switch::active({id})"));
                vec![*id]
            }
            Kind::Fields(without) => {
                let ids = self.choice("(", without, |field| {
                    format!("{}{}", &source[range.start..field.start], &source[field.end..range.end])
                });
                self.stretch(range.clone(), index + 1);
                self.text.push_str(" })");
                ids
            }
        };
        self.regions.push(Region { start, end: self.text.len(), ids });
    }

    /// The beginning of a choice among mutants, up to the arm of none of them. Answers their numbers.
    fn choice<T>(&mut self, before: &str, instead: &[(u32, T)], text: impl Fn(&T) -> String) -> Vec<u32> {
        let ids: Vec<u32> = instead.iter().map(|(id, _)| *id).collect();
        let (first, last) = (ids.iter().min().expect("a mutant"), ids.iter().max().expect("a mutant"));
        self.text.push_str(&format!("{before}match ::mutant_switch::among({first}, {last}) {{ "));
        for (id, change) in instead {
            let start = self.text.len();
            self.text.push_str(&format!("{id} => {}, ", text(change)));
            self.regions.push(Region { start, end: self.text.len(), ids: vec![*id] });
        }
        self.text.push_str("_ => ");
        ids
    }
}

/// Whether the second one is within the first one, which something that is put in at its edge is not.
fn holds(outer: &Range<usize>, inner: &Range<usize>) -> bool {
    if inner.is_empty() {
        outer.start < inner.start && inner.end < outer.end
    } else {
        outer.start <= inner.start && inner.end <= outer.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Mutant, place};

    /// What becomes of a source of one line with these mutants: each its genre, the text before it, the new text.
    fn written(source: &str, mutants: &[(&str, &str, &str)]) -> String {
        let listed = mutants.iter().enumerate().map(|(index, (genre, before, replacement))| Mutant {
            id: index as u32 + 1,
            file: "one.rs".to_owned(),
            genre: (*genre).to_owned(),
            line: 1,
            column: before.chars().count() + 1,
            replacement: (*replacement).to_owned(),
            dropped: false,
        });
        let (sites, unplaced) = place::sites(&syn::parse_file(source).expect("Rust"), listed.collect());
        assert!(unplaced.is_empty(), "{unplaced:?}");
        mutated(source, &sites).0
    }

    #[test]
    fn a_site_within_a_site_is_written_where_no_mutant_of_the_outer_one_is_on() {
        let source = "fn f(a: u8, b: u8) -> bool { !g() && a == b }";
        let mutants = [
            ("BinaryOperator", "fn f(a: u8, b: u8) -> bool { !g() ", "||"),
            ("UnaryOperator", "fn f(a: u8, b: u8) -> bool { ", ""),
            ("BinaryOperator", "fn f(a: u8, b: u8) -> bool { !g() && a ", "!="),
        ];
        let not = "(if ::mutant_switch::active(2) { g() } else { !g() })";
        let equal = "((a == b) ^ ::mutant_switch::active(3))";
        let and =
            format!("(match ::mutant_switch::among(1, 1) {{ 1 => !g() || a == b, _ => {not} && {equal} }})");
        assert_eq!(written(source, &mutants), source.replace("!g() && a == b", &and));
    }

    #[test]
    fn a_function_answers_at_once() {
        let mutants = [("FnValue", "fn f() -> u8 { ", "0"), ("FnValue", "fn f() -> u8 { ", "1")];
        let first = "match ::mutant_switch::among(1, 2) { 1 => return 0, 2 => return 1, _ => {} }";
        assert_eq!(written("fn f() -> u8 { 5 }", &mutants), format!("fn f() -> u8 {{ {first} 5 }}"));
    }

    #[test]
    fn an_arm_is_left_out_and_a_guard_is_another_one() {
        let source = "fn f(a: u8) { match a { 1 => {} b if g(b) => {} _ => {} } }";
        let mutants = [
            ("MatchArm", "fn f(a: u8) { match a { ", ""),
            ("MatchArmGuard", "fn f(a: u8) { match a { 1 => {} b if ", "true"),
        ];
        let guard = "(match ::mutant_switch::among(2, 2) { 2 => true, _ => g(b) })";
        let expected = source.replace("1 =>", "1 if !::mutant_switch::active(1) =>").replace("g(b)", guard);
        assert_eq!(written(source, &mutants), expected);
    }

    #[test]
    fn a_field_is_left_out_with_its_comma() {
        let source = "fn f() -> S { S { a: 1, b: 2, ..s() } }";
        let mutants =
            [("StructField", "fn f() -> S { S { ", ""), ("StructField", "fn f() -> S { S { a: 1, ", "")];
        let choice = "(match ::mutant_switch::among(1, 2) { 1 => S {  b: 2, ..s() }, 2 => S { a: 1,  ..s() }, \
                      _ => S { a: 1, b: 2, ..s() } })";
        assert_eq!(written(source, &mutants), source.replace("S { a: 1, b: 2, ..s() }", choice));
    }
}
