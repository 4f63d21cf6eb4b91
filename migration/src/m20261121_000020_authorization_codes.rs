//! `authorization_codes`: the hashes of authorization codes, of which each is good once.
//!
//! One that was exchanged names its session, which ends when the code comes a second time.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut application = ForeignKey::create();
        application
            .name("authorization_codes_gpt_id_application_id_fkey")
            .from(
                AuthorizationCodes::Table,
                (AuthorizationCodes::GptId, AuthorizationCodes::ApplicationId),
            )
            .to(Applications::Table, (Applications::GptId, Applications::Id))
            .on_delete(ForeignKeyAction::Cascade);
        let mut authorization_codes = Table::create();
        authorization_codes
            .table(AuthorizationCodes::Table)
            .col(ColumnDef::new(AuthorizationCodes::GptId).text().not_null())
            .col(
                ColumnDef::new(AuthorizationCodes::CodeHash)
                    .binary()
                    .not_null(),
            )
            .col(
                ColumnDef::new(AuthorizationCodes::ApplicationId)
                    .uuid()
                    .not_null(),
            )
            .col(
                ColumnDef::new(AuthorizationCodes::RedirectUri)
                    .text()
                    .not_null(),
            )
            .col(ColumnDef::new(AuthorizationCodes::CodeChallenge).text())
            .col(ColumnDef::new(AuthorizationCodes::Scopes).text().not_null())
            .col(ColumnDef::new(AuthorizationCodes::KeyId).text().not_null())
            .col(ColumnDef::new(AuthorizationCodes::Resource).text())
            .col(
                ColumnDef::new(AuthorizationCodes::CreatedAt)
                    .timestamp_with_time_zone()
                    .not_null(),
            )
            .col(
                ColumnDef::new(AuthorizationCodes::ExpiresAt)
                    .timestamp_with_time_zone()
                    .not_null(),
            )
            .col(ColumnDef::new(AuthorizationCodes::UsedAt).timestamp_with_time_zone())
            .col(ColumnDef::new(AuthorizationCodes::SessionId).uuid())
            .primary_key(
                Index::create()
                    .col(AuthorizationCodes::GptId)
                    .col(AuthorizationCodes::CodeHash),
            )
            .foreign_key(&mut application);
        manager.create_table(authorization_codes).await?;

        let mut by_hash = Index::create();
        by_hash
            .name("authorization_codes_code_hash_key")
            .table(AuthorizationCodes::Table)
            .col(AuthorizationCodes::CodeHash)
            .unique();
        manager.create_index(by_hash).await?;

        let mut of_an_application = Index::create();
        of_an_application
            .name("authorization_codes_gpt_id_application_id_idx")
            .table(AuthorizationCodes::Table)
            .col(AuthorizationCodes::GptId)
            .col(AuthorizationCodes::ApplicationId);
        manager.create_index(of_an_application).await?;

        let mut by_expiry = Index::create();
        by_expiry
            .name("authorization_codes_expires_at_idx")
            .table(AuthorizationCodes::Table)
            .col(AuthorizationCodes::ExpiresAt);
        manager.create_index(by_expiry).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(AuthorizationCodes::Table).take())
            .await
    }
}

#[derive(DeriveIden)]
enum AuthorizationCodes {
    Table,
    GptId,
    CodeHash,
    ApplicationId,
    RedirectUri,
    CodeChallenge,
    Scopes,
    KeyId,
    Resource,
    CreatedAt,
    ExpiresAt,
    UsedAt,
    SessionId,
}

#[derive(DeriveIden)]
enum Applications {
    Table,
    GptId,
    Id,
}
