//! Lists by keyset: a page follows a position, never an offset.

use uuid::Uuid;

use super::Service;
use crate::auth::Caller;
use crate::clock::Timestamp;
use crate::document::Document;
use crate::error::Error;
use crate::ids::CollectionName;
use crate::store::{CollectionRow, Keyset, ListQuery, ObjectRow};

/// The longest filter, in bytes of canonical text: it travels in cursors.
pub const SEARCH_BYTES: usize = 2048;

/// A place in a list, between two items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Creation time of the item at the place.
    pub created_at: Timestamp,
    /// Its id, which decides among equal times.
    pub id: Uuid,
}

/// Which page of a list.
#[derive(Clone, Debug, Default)]
pub struct ListRequest {
    /// Oldest first instead of newest first.
    pub ascending: bool,
    /// Where to go on; `None` is the list's beginning.
    pub from: Option<Position>,
    /// The page that ends before `from` instead of the one that begins after it.
    pub backwards: bool,
    /// The most items, 1 to 200.
    pub limit: u32,
    /// The most bytes of documents.
    pub max_bytes: usize,
    /// What documents must contain.
    pub filter: Option<Document>,
    /// Only items created after this.
    pub created_after: Option<Timestamp>,
    /// Only items created before this.
    pub created_before: Option<Timestamp>,
}

/// A page, in the list's order, and the positions of its neighbours.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page begins; `None` when this is the last.
    pub next: Option<Position>,
    /// Where the page before ends; `None` when this is the first.
    pub previous: Option<Position>,
}

impl<T> Page<T> {
    /// A page of `rows`, which came in the direction of reading; `rest` is where reading stopped, if
    /// there was more.
    fn new(
        mut rows: Vec<T>,
        rest: Option<Position>,
        request: &ListRequest,
        position: impl Fn(&T) -> Position,
    ) -> Self {
        let start = rows.first().map(&position).or(request.from);
        let came_from = request.from.and(start);
        if request.backwards {
            rows.reverse();
            return Self {
                items: rows,
                next: came_from,
                previous: rest,
            };
        }
        Self {
            items: rows,
            next: rest,
            previous: came_from,
        }
    }
}

/// A page of a list that is read forwards only.
#[derive(Clone, Debug)]
pub struct Rows<T> {
    /// The items.
    pub items: Vec<T>,
    /// Whether there are items behind them.
    pub has_more: bool,
}

impl<T> Rows<T> {
    /// How many rows to read for a page of `limit`: one more tells whether there are more.
    pub(super) fn to_read(limit: u32) -> u32 {
        limit.saturating_add(1)
    }

    /// The page of `limit` out of the rows that were read for it.
    pub(super) fn cut(mut rows: Vec<T>, limit: u32) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        Self {
            items: rows,
            has_more,
        }
    }
}

impl Service {
    /// A page of the GPT's collections.
    ///
    /// # Errors
    /// The store's.
    pub async fn list_collections(
        &self,
        caller: &Caller,
        request: &ListRequest,
    ) -> Result<Page<CollectionRow>, Error> {
        let position = |row: &CollectionRow| Position {
            created_at: row.created_at,
            id: row.id,
        };
        let (rows, more) = self
            .store
            .list_collections(caller.tenant(), &keyset(request))
            .await?;
        let rest = if more {
            rows.last().map(position)
        } else {
            None
        };
        Ok(Page::new(rows, rest, request, position))
    }

    /// A page of a collection's objects.
    ///
    /// # Errors
    /// [`Error::CollectionNotFound`]; the store's.
    pub async fn list_objects(
        &self,
        caller: &Caller,
        collection: &CollectionName,
        request: &ListRequest,
    ) -> Result<Page<ObjectRow>, Error> {
        let query = ListQuery {
            after: keyset(request).after,
            ascending: keyset(request).ascending,
            limit: request.limit,
            filter: request.filter.clone(),
            created_after: request.created_after,
            created_before: request.created_before,
            max_bytes: request.max_bytes,
        };
        let found = self
            .store
            .list_objects(caller.tenant(), collection, &query)
            .await?;
        if found.items.is_empty() {
            // Only an empty page leaves open whether the collection exists.
            self.get_collection(caller, collection).await?;
        }
        let rest = found.position.filter(|_| found.more);
        let rest = rest.map(|(created_at, id)| Position { created_at, id });
        let position = |row: &ObjectRow| Position {
            created_at: row.created_at,
            id: row.id,
        };
        Ok(Page::new(found.items, rest, request, position))
    }
}

fn keyset(request: &ListRequest) -> Keyset {
    Keyset {
        after: request
            .from
            .map(|position| (position.created_at, position.id)),
        ascending: request.ascending != request.backwards,
        limit: request.limit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: i64) -> Position {
        Position {
            created_at: Timestamp::from_micros(micros).unwrap(),
            id: Uuid::nil(),
        }
    }

    fn page(rows: &[i64], rest: Option<i64>, from: Option<i64>, backwards: bool) -> Page<i64> {
        let request = ListRequest {
            from: from.map(at),
            backwards,
            ..ListRequest::default()
        };
        Page::new(rows.to_vec(), rest.map(at), &request, |row| at(*row))
    }

    #[test]
    fn neighbours_of_a_forward_page() {
        let first = page(&[1, 2], Some(2), None, false);
        assert_eq!((first.previous, first.next), (None, Some(at(2))));
        let last = page(&[3], None, Some(2), false);
        assert_eq!((last.previous, last.next), (Some(at(3)), None));
        let beyond = page(&[], None, Some(3), false);
        assert_eq!((beyond.previous, beyond.next), (Some(at(3)), None));
    }

    #[test]
    fn neighbours_of_a_backward_page() {
        let middle = page(&[4, 3], Some(3), Some(5), true);
        assert_eq!(middle.items, [3, 4]);
        assert_eq!((middle.previous, middle.next), (Some(at(3)), Some(at(4))));
        let first = page(&[2, 1], None, Some(3), true);
        assert_eq!((first.previous, first.next), (None, Some(at(2))));
    }
}
