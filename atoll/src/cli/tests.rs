use clap::CommandFactory;
use clap::error::ErrorKind;

use super::*;

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn wrong_arguments_are_named() {
    let cases = [
        ("", ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand),
        ("frobnicate", ErrorKind::InvalidSubcommand),
        ("dev --data-dir d --ephemeral", ErrorKind::ArgumentConflict),
        ("dev --ephemeral --database-url postgres://u@h/postgres", ErrorKind::ArgumentConflict),
        ("dev --ephemeral --objects-url s3://usage", ErrorKind::ArgumentConflict),
        ("dev --database-prefix Dev", ErrorKind::ValueValidation),
        ("dev --database-prefix 1", ErrorKind::ValueValidation),
        ("dev --gateway-port 70000", ErrorKind::ValueValidation),
        ("dev --ip nowhere", ErrorKind::ValueValidation),
        ("dev --time-offset 40", ErrorKind::ValueValidation),
        ("dev --log-format xml", ErrorKind::InvalidValue),
        (
            "cell serve --database-url sqlite:a.db --database-url-file postgres.url",
            ErrorKind::ArgumentConflict,
        ),
        ("cell serve --shards 0", ErrorKind::ValueValidation),
        ("namespace create", ErrorKind::MissingRequiredArgument),
        ("namespace create n --search-attribute a=Blob", ErrorKind::ValueValidation),
        ("namespace create n --tag a", ErrorKind::ValueValidation),
        ("namespace create n -o yaml", ErrorKind::InvalidValue),
        ("apikey create k --expires tomorrow", ErrorKind::ValueValidation),
        ("apikey create k --expires 2030-01-01 --owner-id u", ErrorKind::MissingRequiredArgument),
        ("operation get", ErrorKind::MissingRequiredArgument),
        ("usage --namespace n", ErrorKind::MissingRequiredArgument),
        ("usage --start 2026-02-30", ErrorKind::ValueValidation),
        ("billing close --month 2026-13", ErrorKind::ValueValidation),
        ("billing close", ErrorKind::MissingRequiredArgument),
        ("billing close --month 2026-01 --account a --force", ErrorKind::MissingRequiredArgument),
        (
            "billing close --month 2026-01 --account a --force --reason r --preview",
            ErrorKind::ArgumentConflict,
        ),
        ("invoice show i --format pdf", ErrorKind::InvalidValue),
    ];
    for (line, kind) in cases {
        let parsed = Cli::try_parse_from(std::iter::once("atoll").chain(line.split_whitespace()));
        let error = parsed.err().unwrap_or_else(|| panic!("{line:?} is taken"));
        assert_eq!(error.kind(), kind, "{line}: {error}");
    }
}

#[test]
fn one_name_given_twice_is_refused() {
    let pair = |name: &str| (name.to_owned(), 1);
    assert_eq!(by_name("--tag", vec![pair("a"), pair("b")]).unwrap().len(), 2);
    let refused = by_name("--tag", vec![pair("a"), pair("a")]).unwrap_err();
    assert_eq!(refused.to_string(), "--tag a is given more than once");
}
