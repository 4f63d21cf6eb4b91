//! `applications`: the programs that ask for tokens, each of one GPT.
//!
//! Without the tenant in front `client_id` is unique, as the hash of a key is: a client is found by it
//! before the tenant is known.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut gpt = ForeignKey::create();
        gpt.name("applications_gpt_id_fkey")
            .from(Applications::Table, Applications::GptId)
            .to(Gpts::Table, Gpts::Id)
            .on_delete(ForeignKeyAction::Cascade);
        let mut applications = Table::create();
        applications
            .table(Applications::Table)
            .col(ColumnDef::new(Applications::GptId).text().not_null())
            .col(ColumnDef::new(Applications::Id).uuid().not_null())
            .col(ColumnDef::new(Applications::ClientId).text().not_null())
            .col(ColumnDef::new(Applications::Name).text().not_null())
            .col(ColumnDef::new(Applications::IsPublic).boolean().not_null())
            .col(ColumnDef::new(Applications::SecretHash).binary())
            .col(ColumnDef::new(Applications::PreviousSecretHash).binary())
            .col(ColumnDef::new(Applications::PreviousSecretExpiresAt).timestamp_with_time_zone())
            .col(ColumnDef::new(Applications::Scopes).text().not_null())
            .col(ColumnDef::new(Applications::Collections).text())
            .col(ColumnDef::new(Applications::RedirectUris).text().not_null())
            .col(ColumnDef::new(Applications::RateLimits).text())
            .col(
                ColumnDef::new(Applications::CreatedAt)
                    .timestamp_with_time_zone()
                    .not_null(),
            )
            .col(
                ColumnDef::new(Applications::UpdatedAt)
                    .timestamp_with_time_zone()
                    .not_null(),
            )
            .col(ColumnDef::new(Applications::LastUsed).timestamp_with_time_zone())
            .col(ColumnDef::new(Applications::RevokedAt).timestamp_with_time_zone())
            .primary_key(
                Index::create()
                    .col(Applications::GptId)
                    .col(Applications::Id),
            )
            .foreign_key(&mut gpt);
        manager.create_table(applications).await?;

        let mut by_client = Index::create();
        by_client
            .name("applications_client_id_key")
            .table(Applications::Table)
            .col(Applications::ClientId)
            .unique();
        manager.create_index(by_client).await?;

        let mut of_a_gpt = Index::create();
        of_a_gpt
            .name("applications_gpt_id_created_at_id_idx")
            .table(Applications::Table)
            .col(Applications::GptId)
            .col(Applications::CreatedAt)
            .col(Applications::Id);
        manager.create_index(of_a_gpt).await?;

        // The operator lists those of all GPTs.
        let mut by_time = Index::create();
        by_time
            .name("applications_created_at_id_idx")
            .table(Applications::Table)
            .col(Applications::CreatedAt)
            .col(Applications::Id);
        manager.create_index(by_time).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(Applications::Table).take())
            .await
    }
}

#[derive(DeriveIden)]
enum Applications {
    Table,
    GptId,
    Id,
    ClientId,
    Name,
    IsPublic,
    SecretHash,
    PreviousSecretHash,
    PreviousSecretExpiresAt,
    Scopes,
    Collections,
    RedirectUris,
    RateLimits,
    CreatedAt,
    UpdatedAt,
    LastUsed,
    RevokedAt,
}

#[derive(DeriveIden)]
enum Gpts {
    Table,
    Id,
}
