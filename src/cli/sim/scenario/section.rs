//! A table of a scenario file, read key by key.

use std::cell::RefCell;
use std::ops::{Range, RangeInclusive};
use std::str::FromStr;

use sealane_sim::engine::{Bandwidth, Picos};
use sealane_sim::units;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::axis::{Chooser, Measure, range};
use super::source::{Source, Wrong};

/// A table, or one that is not there and of which every key has its default.
pub(super) struct Section<'a> {
    source: &'a Source,
    chooser: &'a Chooser<'a>,
    table: Option<&'a DeTable<'a>>,
    /// Its path, and where it begins.
    path: String,
    at: usize,
    /// Keys that were asked for, which are those that are allowed.
    known: RefCell<Vec<&'static str>>,
}

const TIME: Measure = Measure {
    unit: "µs",
    read: |text| units::time(text).map(|picos| picos as f64 / 1e6),
    write: |micros| format!("{}ps", (micros * 1e6).round()),
};
const RATE: Measure = Measure {
    unit: "Gb/s",
    read: |text| units::rate(text).map(|bps| bps as f64 / 1e9),
    write: |gbps| format!("{}bps", (gbps * 1e9).round()),
};
const SIZE: Measure = Measure {
    unit: "B",
    read: |text| units::size(text).map(|bytes| bytes as f64),
    write: |bytes| format!("{}B", bytes.round()),
};
const WHOLE: Measure = Measure {
    unit: "",
    read: |text| whole(text).map(|value| value as f64),
    write: |value| format!("{}", value.round()),
};
const SHARE: Measure = Measure {
    unit: "%",
    read: |text| share(text).map(|share| share * 100.0),
    write: |percent| format!("{percent}%"),
};

impl<'a> Section<'a> {
    /// The file itself.
    pub fn root(source: &'a Source, chooser: &'a Chooser<'a>, table: &'a DeTable<'a>) -> Self {
        let known = RefCell::new(Vec::new());
        Self { source, chooser, table: Some(table), path: String::new(), at: 0, known }
    }

    fn child(&self, path: String, at: usize, table: Option<&'a DeTable<'a>>) -> Self {
        let known = RefCell::new(Vec::new());
        Self { source: self.source, chooser: self.chooser, table, path, at, known }
    }

    /// A key's path from the root.
    fn path(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn get(&self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        let mut known = self.known.borrow_mut();
        if !known.contains(&key) {
            known.push(key);
        }
        self.table?.get(key)
    }

    /// Whether a key is there, which does not make it an allowed one.
    pub fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(key))
    }

    /// What is wrong with a key: at its line if it is there, else where the section begins.
    pub fn wrong(&self, key: &str, problem: &str) -> Wrong {
        let value = self.table.and_then(|table| table.get(key));
        let at = value.map_or(self.at, |value| value.span().start);
        self.source.wrong(at, &self.path(key), problem)
    }

    /// A section within this one; empty if it is not there.
    pub fn section(&self, key: &'static str) -> Result<Self, Wrong> {
        match self.get(key).map(|value| (value.span(), value.get_ref())) {
            None => Ok(self.child(self.path(key), self.at, None)),
            Some((span, DeValue::Table(table))) => {
                Ok(self.child(self.path(key), span.start, Some(table)))
            }
            Some(_) => Err(self.wrong(key, &format!("write a section: [{}]", self.path(key)))),
        }
    }

    /// The sections of an array of them.
    pub fn sections(&self, key: &'static str) -> Result<Vec<Self>, Wrong> {
        let wrong = || self.wrong(key, &format!("write sections: [[{}]]", self.path(key)));
        let Some(value) = self.get(key) else { return Ok(Vec::new()) };
        let DeValue::Array(array) = value.get_ref() else { return Err(wrong()) };
        let one = |(index, value): (usize, &'a Spanned<DeValue<'a>>)| match value.get_ref() {
            DeValue::Table(table) => {
                let path = format!("{}[{index}]", self.path(key));
                Ok(self.child(path, value.span().start, Some(table)))
            }
            _ => Err(wrong()),
        };
        array.iter().enumerate().map(one).collect()
    }

    /// Where the section of that name and index begins; where this one does if it is not there.
    pub fn place(&self, key: &str, index: usize) -> usize {
        let value = self.table.and_then(|table| table.get(key));
        let span = |value: &Spanned<DeValue<'_>>| -> Range<usize> {
            match value.get_ref() {
                DeValue::Array(array) => array.get(index).map_or(value.span(), Spanned::span),
                _ => value.span(),
            }
        };
        value.map_or(self.at, |value| span(value).start)
    }

    /// Every key must have been asked for.
    pub fn finish(&self) -> Result<(), Wrong> {
        let known = self.known.borrow();
        let Some(table) = self.table else { return Ok(()) };
        // A table is sorted by key; its reader finds the first in the file more helpful.
        let unknown = table.keys().filter(|key| !known.contains(&&**key.get_ref()));
        let Some(key) = unknown.min_by_key(|key| key.span().start) else { return Ok(()) };
        let place = if self.path.is_empty() { "a scenario" } else { &self.path };
        let problem = format!("unknown key; {place} takes here: {}", known.join(", "));
        Err(self.source.wrong(key.span().start, &self.path(key.get_ref()), &problem))
    }

    /// A key's value as text: of a list or a range, the value at this point.
    fn scalar(&self, key: &'static str, measure: Option<Measure>) -> Result<Option<String>, Wrong> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let wrong = |problem: &str| self.wrong(key, problem);
        let choose = |texts: &[String]| {
            self.chooser.choose(self.path(key), texts, measure).map_err(|problem| wrong(&problem))
        };
        if let DeValue::Array(array) = value.get_ref() {
            let texts =
                array.iter().map(|value| plain(value.get_ref())).collect::<Option<Vec<_>>>();
            let texts = texts.ok_or_else(|| wrong("a list of values holds no lists"))?;
            return choose(&texts).map(Some);
        }
        let text = plain(value.get_ref()).ok_or_else(|| wrong("takes a single value"))?;
        match measure.and_then(|measure| range(&text, measure)) {
            Some(values) => choose(&values.map_err(|problem| wrong(&problem))?).map(Some),
            None => Ok(Some(text)),
        }
    }

    fn read<T>(
        &self,
        key: &'static str,
        measure: Option<Measure>,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, Wrong> {
        let Some(text) = self.scalar(key, measure)? else { return Ok(None) };
        parse(&text).map(Some).map_err(|problem| self.wrong(key, &problem))
    }

    /// A time with its unit.
    pub fn time(&self, key: &'static str) -> Result<Option<Picos>, Wrong> {
        self.read(key, Some(TIME), |text| units::time(text).map(Picos))
    }

    /// A line speed with its unit.
    pub fn rate(&self, key: &'static str) -> Result<Option<Bandwidth>, Wrong> {
        self.read(key, Some(RATE), |text| units::rate(text).map(Bandwidth::from_bps))
    }

    /// Bytes, with a unit or without.
    pub fn size(&self, key: &'static str) -> Result<Option<u64>, Wrong> {
        self.read(key, Some(SIZE), units::size)
    }

    /// A whole number.
    pub fn whole<T: TryFrom<u64> + Copy + Into<u64>>(
        &self,
        key: &'static str,
        allowed: RangeInclusive<T>,
    ) -> Result<Option<T>, Wrong> {
        let (low, high): (u64, u64) = ((*allowed.start()).into(), (*allowed.end()).into());
        self.read(key, Some(WHOLE), |text| {
            let value = whole(text)?;
            let fits = T::try_from(value).ok().filter(|_| (low..=high).contains(&value));
            fits.ok_or_else(|| match high {
                u64::MAX => format!("{value} is not allowed: write a whole number from {low}"),
                _ => format!("{value} is not allowed: write a whole number from {low} to {high}"),
            })
        })
    }

    /// A share: `0.01` or `"1%"`.
    pub fn share(&self, key: &'static str) -> Result<Option<f64>, Wrong> {
        self.read(key, Some(SHARE), share)
    }

    /// `true` or `false`.
    pub fn flag(&self, key: &'static str) -> Result<Option<bool>, Wrong> {
        self.read(key, None, |text| {
            bool::from_str(text).map_err(|_| format!("`{text}` is none of: true, false"))
        })
    }

    /// Any text.
    pub fn text(&self, key: &'static str) -> Result<Option<String>, Wrong> {
        self.read(key, None, |text| Ok(text.to_owned()))
    }

    /// One of `names`; the first if the key is not there.
    pub fn name(&self, key: &'static str, names: &[&'static str]) -> Result<&'static str, Wrong> {
        let found = self.read(key, None, |text| {
            let found = names.iter().copied().find(|name| *name == text);
            found.ok_or_else(|| format!("`{text}` is none of: {}", names.join(", ")))
        })?;
        let first = names.first().copied().unwrap_or_default();
        Ok(found.unwrap_or(first))
    }

    /// Texts that belong together, such as the ends of a cable: no axis.
    pub fn list(&self, key: &'static str) -> Result<Option<Vec<String>>, Wrong> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let texts = match value.get_ref() {
            DeValue::Array(array) => array.iter().map(|value| plain(value.get_ref())).collect(),
            _ => None,
        };
        texts.map(Some).ok_or_else(|| self.wrong(key, "takes a list: [\"…\", \"…\"]"))
    }

    /// Two texts that belong together.
    pub fn pair(&self, key: &'static str) -> Result<Option<[String; 2]>, Wrong> {
        let Some(list) = self.list(key)? else { return Ok(None) };
        let pair = <[String; 2]>::try_from(list);
        pair.map(Some).map_err(|_| self.wrong(key, "takes a list of two: [\"…\", \"…\"]"))
    }

    /// A key that must be there.
    pub fn need<T>(&self, key: &'static str, value: Option<T>, takes: &str) -> Result<T, Wrong> {
        value.ok_or_else(|| self.wrong(key, &format!("is missing; it takes {takes}")))
    }
}

/// A value that is neither list nor table, as text.
fn plain(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.clone().into_owned()),
        DeValue::Integer(value) => Some(value.to_string()),
        DeValue::Float(value) => Some(value.to_string()),
        DeValue::Boolean(value) => Some(value.to_string()),
        _ => None,
    }
}

fn whole(text: &str) -> Result<u64, String> {
    let parsed = text.replace('_', "").parse();
    parsed.map_err(|_| format!("`{text}` is no whole number from 0"))
}

/// A share of one, as such or in percent.
pub(super) fn share(text: &str) -> Result<f64, String> {
    let (digits, scale) = match text.strip_suffix('%') {
        Some(digits) => (digits.trim(), 100.0),
        None => (text.trim(), 1.0),
    };
    let share = digits.parse::<f64>().ok().map(|value| value / scale);
    share.filter(|share| (0.0..=1.0).contains(share)).ok_or_else(|| {
        format!("`{text}` is no share: write a number from 0 to 1, or \"0%\" to \"100%\"")
    })
}
