//! Lists of the service, read page by page.

use uuid::Uuid;

use super::Failure;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::service::Rows;

/// Items that are read at once.
const PAGE: u32 = 500;

/// Where an item stands: lists are by time and id.
type Place = (Timestamp, Uuid);

/// The first `limit` items of a list. `page` reads so many of them behind a place, and `place` is the
/// place of an item.
pub(super) async fn up_to<T>(
    limit: u32,
    page: impl AsyncFn(u32, Option<Place>) -> Result<Rows<T>, Error>,
    place: impl Fn(&T) -> Place,
) -> Result<Vec<T>, Failure> {
    let mut rows = Vec::new();
    let mut left = limit;
    while left > 0 {
        let found = page(left.min(PAGE), rows.last().map(&place)).await?;
        left -= u32::try_from(found.items.len()).unwrap_or(left);
        rows.extend(found.items);
        if !found.has_more {
            break;
        }
    }
    Ok(rows)
}
