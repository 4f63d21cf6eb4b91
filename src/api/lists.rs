//! Pages of lists: from parameters to a request of the service, and from its page to links.

use super::Handlers;
use super::cursor::{Cursor, CursorCodec, Filters, ListIdentity};
use super::generated::defaults;
use super::generated::types::Order;
use crate::document::Document;
use crate::error::Error;
use crate::service::{ListRequest, Page, Position, SEARCH_BYTES, parse_document};

/// The parameters of a list as they came.
pub(super) struct PageParams {
    pub limit: Option<i32>,
    pub max_bytes: Option<i64>,
    pub cursor: Option<String>,
    pub filters: Filters,
}

/// A request of the service, and what links to its neighbours must repeat.
pub(super) struct Wanted {
    pub request: ListRequest,
    filters: Filters,
    repeated: String,
}

/// The neighbours of a page.
pub(super) struct Links {
    pub next_cursor: Option<String>,
    /// The `Link` header (RFC 8288).
    pub header: Option<String>,
}

/// One list of one tenant.
pub(super) struct List<'a> {
    cursors: &'a CursorCodec,
    identity: ListIdentity<'a>,
    url: String,
}

impl Handlers {
    /// The list `identity`, which stands at `path`.
    pub(super) fn list<'a>(&'a self, identity: ListIdentity<'a>, path: String) -> List<'a> {
        List {
            cursors: &self.cursors,
            identity,
            url: format!("{}{path}", self.public_url),
        }
    }

    /// The parameter `filter` as a document.
    pub(super) fn filter(&self, text: Option<&str>) -> Result<Option<Document>, Error> {
        let mut limits = self.service.limits().document();
        limits.max_bytes = SEARCH_BYTES;
        let parsed = text.map(|text| parse_document(text, &limits)).transpose();
        parsed.map_err(|error| match error {
            Error::TooLarge { limit, .. } => {
                Error::invalid("filter", format!("is longer than {limit} bytes"))
            }
            error => error.under("filter"),
        })
    }
}

impl List<'_> {
    /// What to ask the service for.
    pub(super) fn request(&self, params: PageParams) -> Result<Wanted, Error> {
        let limit = params.limit.unwrap_or(defaults::LIST_OBJECTS_LIMIT);
        let max_bytes = params.max_bytes.unwrap_or(defaults::LIST_OBJECTS_MAX_BYTES);
        let mut repeated = format!("?limit={limit}");
        if let Some(bytes) = params.max_bytes {
            repeated.push_str(&format!("&max_bytes={bytes}"));
        }
        let cursor = params
            .cursor
            .map(|text| self.cursors.decode(&self.identity, &text))
            .transpose()?;
        let filters = match &cursor {
            Some(cursor) => params.filters.or_carried(&cursor.filters)?,
            None => Filters {
                order: Some(params.filters.order.unwrap_or(Order::Desc)),
                ..params.filters
            },
        };
        let request = ListRequest {
            ascending: filters.order == Some(Order::Asc),
            backwards: cursor.as_ref().is_some_and(|cursor| cursor.backwards),
            from: cursor.map(|cursor| cursor.position),
            limit: u32::try_from(limit).unwrap_or(1),
            max_bytes: usize::try_from(max_bytes).unwrap_or(usize::MAX),
            filter: filters.filter.clone(),
            created_after: filters.created_after,
            created_before: filters.created_before,
        };
        Ok(Wanted {
            request,
            filters,
            repeated,
        })
    }

    /// The links of `page`. Cursors carry the filters, so links repeat only sizes.
    pub(super) fn links<T>(&self, wanted: &Wanted, page: &Page<T>) -> Links {
        let cursor = |position: Position, backwards: bool| {
            let filters = wanted.filters.clone();
            self.cursors.encode(
                &self.identity,
                &Cursor {
                    position,
                    backwards,
                    filters,
                },
            )
        };
        let next = page.next.map(|position| cursor(position, false));
        let previous = page.previous.map(|position| cursor(position, true));
        let link = |cursor: &String, relation: &str| {
            format!(
                "<{}{}&cursor={cursor}>; rel=\"{relation}\"",
                self.url, wanted.repeated
            )
        };
        let links: Vec<_> = [(&next, "next"), (&previous, "prev")]
            .into_iter()
            .filter_map(|(cursor, relation)| Some(link(cursor.as_ref()?, relation)))
            .collect();
        Links {
            next_cursor: next,
            header: (!links.is_empty()).then(|| links.join(", ")),
        }
    }
}
