//! `gpts`: the tenants.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut gpts = Table::create();
        gpts.table(Gpts::Table)
            .col(ColumnDef::new(Gpts::Id).text().not_null().primary_key())
            .col(ColumnDef::new(Gpts::Name).text().not_null())
            .col(
                ColumnDef::new(Gpts::CreatedAt)
                    .timestamp_with_time_zone()
                    .not_null(),
            );
        manager.create_table(gpts).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(Gpts::Table).take())
            .await
    }
}

#[derive(DeriveIden)]
enum Gpts {
    Table,
    Id,
    Name,
    CreatedAt,
}
