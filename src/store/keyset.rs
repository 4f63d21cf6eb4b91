//! Pages by keyset: where a page begins is a comparison of rows, which both databases turn into
//! one range of an index, however deep the page lies.
//!
//! SeaORM's `cursor_by` is not used: its `(a = ? AND b < ?) OR a < ?` makes PostgreSQL read and
//! throw away all rows before the page.

use sea_orm::sea_query::{Expr, ExprTrait, IntoColumnRef, Order, SelectStatement};
use uuid::Uuid;

use crate::clock::Timestamp;

/// The place of a row in a list: when it was created, and its id among those created at once.
pub type Position = (Timestamp, Uuid);

/// Which part of a list, and in which direction.
#[derive(Clone, Debug)]
pub struct Keyset {
    /// The row after which the page begins, in the direction of the list.
    pub after: Option<Position>,
    /// Oldest first; newest first otherwise.
    pub ascending: bool,
    /// Most rows on the page.
    pub limit: u32,
}

/// Restricts `select` to the rows behind `after` and orders it.
pub(super) fn seek<C>(
    select: &mut SelectStatement,
    (created_at, id): (C, C),
    after: Option<Position>,
    ascending: bool,
) where
    C: IntoColumnRef + Copy,
{
    if let Some((time, last)) = after {
        let columns = Expr::tuple([Expr::col(created_at), Expr::col(id)]);
        let position = Expr::tuple([Expr::val(time), Expr::val(last)]);
        select.and_where(match ascending {
            true => columns.gt(position),
            false => columns.lt(position),
        });
    }
    let order = match ascending {
        true => Order::Asc,
        false => Order::Desc,
    };
    select
        .order_by(created_at, order.clone())
        .order_by(id, order);
}
