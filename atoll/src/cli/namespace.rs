mod change;
mod create;
mod delete;
mod show;
mod update;

use atoll_api::temporal::api::cloud::namespace::v1::namespace_spec::SearchAttributeType;
use clap::Subcommand;

/// Namespaces of an account.
#[derive(Debug, Subcommand)]
pub(crate) enum NamespaceCommand {
    /// Make a namespace
    Create(create::CreateArgs),
    /// Show a namespace
    Get(show::GetArgs),
    /// Show all namespaces
    List(show::ListArgs),
    /// Change a namespace
    Update(update::UpdateArgs),
    /// Delete a namespace and what it holds
    Delete(delete::DeleteArgs),
}

impl NamespaceCommand {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Create(args) => args.run().await,
            Self::Get(args) => args.run().await,
            Self::List(args) => args.run().await,
            Self::Update(args) => args.run().await,
            Self::Delete(args) => args.run().await,
        }
    }
}

/// A search attribute as `name=Type`, with the type in any of its spellings.
fn parse_search_attribute(text: &str) -> Result<(String, i32), String> {
    let (name, type_name) = super::parse_pair(text)?;
    let types = [
        ("text", SearchAttributeType::Text),
        ("keyword", SearchAttributeType::Keyword),
        ("int", SearchAttributeType::Int),
        ("double", SearchAttributeType::Double),
        ("bool", SearchAttributeType::Bool),
        ("datetime", SearchAttributeType::Datetime),
        ("keywordlist", SearchAttributeType::KeywordList),
    ];
    let wanted = type_name.to_lowercase().replace('_', "");
    match types.iter().find(|(known, _)| *known == wanted) {
        Some((_, found)) => Ok((name, *found as i32)),
        None => {
            Err(format!("{type_name:?} is none of Text, Keyword, Int, Double, Bool, Datetime, KeywordList"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn search_attributes_take_every_spelling_of_their_types() {
        for text in ["Ids=KeywordList", "Ids=keyword_list", "Ids=KEYWORDLIST"] {
            assert_eq!(
                parse_search_attribute(text).unwrap(),
                ("Ids".to_owned(), SearchAttributeType::KeywordList as i32)
            );
        }
        for bad in ["Ids", "=Int", "Ids=", "Ids=Blob"] {
            assert!(parse_search_attribute(bad).is_err(), "{bad}");
        }
    }
}
