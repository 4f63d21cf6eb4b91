//! Lists as streams that fetch their pages as they go.

use chrono::{DateTime, Utc};
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use serde_json::{Map, Value};

use crate::types::{Collection, CollectionPage, Object, ObjectPage, Order, Problem};
use crate::{Client, Error};

/// Which objects of a collection to list, and how.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// What the documents must contain.
    pub filter: Option<Map<String, Value>>,
    /// Newest first when not given.
    pub order: Option<Order>,
    /// Only objects created after this.
    pub created_after: Option<DateTime<Utc>>,
    /// Only objects created before this.
    pub created_before: Option<DateTime<Utc>>,
    /// Items a page, 1 to 200.
    pub page_items: Option<i32>,
    /// Bytes a page.
    pub page_bytes: Option<i64>,
}

/// What is left of a list.
enum Rest {
    Beginning,
    After(String),
    Nothing,
}

impl Rest {
    fn after(next_cursor: Option<String>) -> Self {
        next_cursor.map_or(Self::Nothing, Self::After)
    }

    /// The cursor of the next page (none for the first); `None` at the end.
    fn cursor(self) -> Option<Option<String>> {
        match self {
            Self::Beginning => Some(None),
            Self::After(cursor) => Some(Some(cursor)),
            Self::Nothing => None,
        }
    }
}

impl Client {
    /// Every object of a collection that `search` asks for, page after page.
    ///
    /// An object that is there throughout comes exactly once, also while others come and go.
    pub fn stream_objects<'a>(
        &'a self,
        gpt_id: &'a str,
        collection: &'a str,
        search: Search,
    ) -> BoxStream<'a, Result<Object, Error<Problem>>> {
        let pages = stream::try_unfold(
            (Rest::Beginning, search),
            move |(rest, search)| async move {
                let Some(cursor) = rest.cursor() else {
                    return Ok::<_, Error<Problem>>(None);
                };
                let page = self
                    .page_of_objects(gpt_id, collection, &search, cursor)
                    .await?;
                let rest = Rest::after(page.next_cursor);
                Ok(Some((
                    stream::iter(page.items.into_iter().map(Ok)),
                    (rest, search),
                )))
            },
        );
        pages.try_flatten().boxed()
    }

    async fn page_of_objects(
        &self,
        gpt_id: &str,
        collection: &str,
        search: &Search,
        cursor: Option<String>,
    ) -> Result<ObjectPage, Error<Problem>> {
        let mut request = self.list_objects().gpt_id(gpt_id).name(collection);
        if let Some(filter) = &search.filter {
            request = request.filter(Value::Object(filter.clone()).to_string());
        }
        if let Some(order) = search.order {
            request = request.order(order);
        }
        if let Some(moment) = search.created_after {
            request = request.created_after(moment);
        }
        if let Some(moment) = search.created_before {
            request = request.created_before(moment);
        }
        if let Some(items) = search.page_items {
            request = request.limit(items);
        }
        if let Some(bytes) = search.page_bytes {
            request = request.max_bytes(bytes);
        }
        if let Some(cursor) = cursor {
            request = request.cursor(cursor);
        }
        Ok(request.send().await?.into_inner())
    }

    /// Every collection of a GPT, newest first, page after page.
    pub fn stream_collections<'a>(
        &'a self,
        gpt_id: &'a str,
    ) -> BoxStream<'a, Result<Collection, Error<Problem>>> {
        let pages = stream::try_unfold(Rest::Beginning, move |rest| async move {
            let Some(cursor) = rest.cursor() else {
                return Ok::<_, Error<Problem>>(None);
            };
            let page = self.page_of_collections(gpt_id, cursor).await?;
            let rest = Rest::after(page.next_cursor);
            Ok(Some((stream::iter(page.items.into_iter().map(Ok)), rest)))
        });
        pages.try_flatten().boxed()
    }

    async fn page_of_collections(
        &self,
        gpt_id: &str,
        cursor: Option<String>,
    ) -> Result<CollectionPage, Error<Problem>> {
        let mut request = self.list_collections().gpt_id(gpt_id);
        if let Some(cursor) = cursor {
            request = request.cursor(cursor);
        }
        Ok(request.send().await?.into_inner())
    }
}
