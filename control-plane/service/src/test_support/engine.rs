//! The engines that tests run on.

use atoll_secret::Secret;
use atoll_test_postgres::Server;
use tempfile::TempDir;

use crate::Database;
use crate::store::{Store, open};

/// What a test's control plane stores in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

/// A database of the caller's own, which outlives those that open it.
pub(crate) struct Place {
    pub(crate) url: Secret,
    /// Of the file, where it is one.
    pub(crate) folder: TempDir,
}

impl Engine {
    /// An empty database.
    pub(crate) fn place(self) -> Place {
        let folder = TempDir::new().unwrap();
        let url = match self {
            Self::Sqlite => format!("sqlite:{}", folder.path().join("control-plane.sqlite").display()),
            Self::Postgres => Server::shared().url(&Server::shared().database()),
        };
        Place { url: url.into(), folder }
    }
}

impl Place {
    /// The same database.
    pub(crate) fn again(&self) -> Self {
        Self { url: self.url.clone(), folder: TempDir::new().unwrap() }
    }

    pub(crate) async fn open(&self) -> Store {
        open(&Database::parse(&self.url).unwrap()).await.unwrap()
    }
}

/// One test of each function on each engine. A function takes the [`Engine`].
macro_rules! on_each_engine {
    ($($name:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test]
            async fn $name() {
                super::$name($crate::test_support::Engine::Sqlite).await;
            })*
        }

        mod on_postgres {
            $(#[tokio::test]
            async fn $name() {
                super::$name($crate::test_support::Engine::Postgres).await;
            })*
        }
    };
}
pub(crate) use on_each_engine;
