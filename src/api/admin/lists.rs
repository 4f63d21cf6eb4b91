//! Pages of the operator's lists. They are read forwards, and a cursor is good for the filters that it
//! was made with.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::Handlers;
use crate::api::cursor::CursorCodec;
use crate::error::Error;
use crate::service::Rows;

/// One list with certain filters.
pub(super) struct List<'a> {
    cursors: &'a CursorCodec,
    identity: Vec<&'a str>,
}

impl Handlers {
    /// The list that `operation` shows under `filters`, which stand always in the same order.
    pub(super) fn filtered<'a>(
        &'a self,
        operation: &'static str,
        filters: &[Option<&'a str>],
    ) -> List<'a> {
        let filters = filters.iter().map(|filter| filter.unwrap_or_default());
        List {
            cursors: &self.cursors,
            identity: [operation].into_iter().chain(filters).collect(),
        }
    }
}

impl List<'_> {
    /// The place that `cursor` stands for.
    pub(super) fn after<P: DeserializeOwned>(
        &self,
        cursor: Option<&str>,
    ) -> Result<Option<P>, Error> {
        let place = cursor.map(|text| self.cursors.open(&self.identity, text));
        place.transpose()
    }

    /// The cursor of the page behind `rows`, if there is one; `place` is the place of a row.
    pub(super) fn next<T, P: Serialize>(
        &self,
        rows: &Rows<T>,
        place: impl Fn(&T) -> P,
    ) -> Option<String> {
        let last = rows.items.last().filter(|_| rows.has_more)?;
        Some(self.cursors.seal(&self.identity, &place(last)))
    }
}

/// How many items a page holds at most; the contract lets through 1 to 200.
pub(super) fn page_limit(limit: Option<i32>, default: i32) -> u32 {
    u32::try_from(limit.unwrap_or(default)).unwrap_or(1)
}
