//! The operations on collections.

use super::Handlers;
use super::convert::{collection_name, entity_tag, preconditions};
use super::cursor::{Filters, ListIdentity};
use super::generated::operations::{
    CollectionsHandlers, DeleteCollectionParams, DeleteCollectionReply, GetCollectionParams,
    GetCollectionReply, ListCollectionsParams, ListCollectionsReply, UpsertCollectionParams,
    UpsertCollectionReply,
};
use super::generated::types;
use super::lists::PageParams;
use super::problem::Problem;
use crate::auth::Caller;
use crate::error::Error;
use crate::service::{NewSchema, parse_document};

impl CollectionsHandlers for Handlers {
    async fn upsert_collection(
        &self,
        caller: Caller,
        request: UpsertCollectionParams,
    ) -> Result<UpsertCollectionReply, Problem> {
        let body = request.body;
        let name = collection_name(&body.name)?;
        let conditions = preconditions(
            ("If-Match", request.if_match.as_deref()),
            ("/if_match", body.if_match.as_deref()),
        )?;
        let schema = self.new_schema(&body)?;
        let place = if body.schema.is_some() {
            "/schema"
        } else {
            "/schema_json"
        };
        let done = self
            .service
            .upsert_collection(&caller, &name, schema, &conditions)
            .await;
        let done = done.map_err(|error| error.under(place))?;
        let e_tag = entity_tag(done.collection.version);
        let location = format!("/v1/gpts/{}/collections/{name}", caller.tenant().gpt_id());
        let body = types::Collection::from(done.collection);
        Ok(if done.created {
            UpsertCollectionReply::Created {
                e_tag,
                location,
                body,
            }
        } else {
            UpsertCollectionReply::Ok { e_tag, body }
        })
    }

    async fn list_collections(
        &self,
        caller: Caller,
        request: ListCollectionsParams,
    ) -> Result<ListCollectionsReply, Problem> {
        let gpt_id = caller.tenant().gpt_id();
        let list = self.list(
            ListIdentity {
                operation: "list_collections",
                gpt_id: gpt_id.as_str(),
                collection: "",
            },
            format!("/v1/gpts/{gpt_id}/collections"),
        );
        let page = PageParams {
            limit: request.limit,
            max_bytes: None,
            cursor: request.cursor,
            filters: Filters {
                order: request.order,
                ..Filters::default()
            },
        };
        let wanted = list.request(page)?;
        let found = self
            .service
            .list_collections(&caller, &wanted.request)
            .await?;
        let links = list.links(&wanted, &found);
        let body = types::CollectionPage {
            items: found.items.into_iter().map(Into::into).collect(),
            has_more: links.next_cursor.is_some(),
            next_cursor: links.next_cursor,
        };
        Ok(ListCollectionsReply::Ok {
            link: links.header,
            body,
        })
    }

    async fn get_collection(
        &self,
        caller: Caller,
        request: GetCollectionParams,
    ) -> Result<GetCollectionReply, Problem> {
        let name = collection_name(&request.name)?;
        let known = preconditions(
            ("If-None-Match", request.if_none_match_header.as_deref()),
            ("if_none_match", request.if_none_match.as_deref()),
        )?;
        let row = self.service.get_collection(&caller, &name).await?;
        let e_tag = entity_tag(row.version);
        Ok(if known.names(row.version) {
            GetCollectionReply::NotModified { e_tag }
        } else {
            GetCollectionReply::Ok {
                e_tag,
                body: row.into(),
            }
        })
    }

    async fn delete_collection(
        &self,
        caller: Caller,
        request: DeleteCollectionParams,
    ) -> Result<DeleteCollectionReply, Problem> {
        let name = collection_name(&request.name)?;
        let conditions = preconditions(
            ("If-Match", request.if_match_header.as_deref()),
            ("if_match", request.if_match.as_deref()),
        )?;
        self.service
            .delete_collection(&caller, &name, &conditions)
            .await?;
        Ok(DeleteCollectionReply::NoContent)
    }
}

impl Handlers {
    /// The schema that came as `schema` or as the text `schema_json`; neither keeps what there is.
    fn new_schema(&self, body: &types::UpsertCollectionRequest) -> Result<NewSchema, Error> {
        let (text, prefix) = match (&body.schema, body.schema_json.as_deref()) {
            (None, None) => return Ok(NewSchema::Keep),
            (Some(schema), None) => (schema.get(), "/schema"),
            (None, Some(text)) => (text, "/schema_json"),
            (Some(_), Some(_)) => {
                return Err(Error::invalid(
                    "/schema_json",
                    "send schema or schema_json, not both",
                ));
            }
        };
        let schema = parse_document(text, &self.service.limits().document());
        Ok(NewSchema::Set(schema.map_err(|error| error.under(prefix))?))
    }
}
