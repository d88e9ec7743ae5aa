use super::*;

fn parsed(text: &str) -> S3Location {
    S3Location::parse(text).unwrap()
}

#[test]
fn a_url_says_where_and_how() {
    let bare = S3Location {
        bucket: "usage".to_owned(),
        prefix: String::new(),
        region: None,
        endpoint: None,
        path_style: false,
        encryption: None,
        owner: None,
        credentials_file: None,
        profile: None,
    };
    assert_eq!(parsed("s3://usage"), bare);
    assert_eq!(parsed("s3://usage/"), bare);
    assert_eq!(parsed("s3://usage/eu/one/").prefix, "eu/one");
    let all = parsed(
        "s3://usage/eu?region=eu-central-1&endpoint=http://127.0.0.1:9000/&path_style=true&sse=kms\
         &kms_key_id=arn:aws:kms:eu-central-1:123456789012:key/1&owner=123456789012\
         &credentials_file=/etc/atoll/s3&profile=usage",
    );
    let expected = S3Location {
        prefix: "eu".to_owned(),
        region: Some("eu-central-1".to_owned()),
        endpoint: Some("http://127.0.0.1:9000".to_owned()),
        path_style: true,
        encryption: Some(Encryption::Kms(Some("arn:aws:kms:eu-central-1:123456789012:key/1".to_owned()))),
        owner: Some("123456789012".to_owned()),
        credentials_file: Some("/etc/atoll/s3".into()),
        profile: Some("usage".to_owned()),
        ..bare
    };
    assert_eq!(all, expected);
    assert_eq!(all.to_string(), "s3://usage/eu at http://127.0.0.1:9000");
    assert_eq!(parsed("s3://usage?sse=s3").encryption, Some(Encryption::S3));
    assert_eq!(parsed("s3://usage?sse=kms").encryption, Some(Encryption::Kms(None)));
    parsed("s3://usage?endpoint=http://minio:9000&allow_http=true");
    parsed("s3://usage?endpoint=https://minio:9000");
}

#[test]
fn what_is_none_is_refused_and_no_value_is_told() {
    for (text, expected) in [
        ("s3:usage", UrlError::Form),
        ("s3:/usage", UrlError::Bucket),
        ("s3://", UrlError::Bucket),
        ("s3://usage:80/", UrlError::Form),
        ("s3://usage/#hush", UrlError::Form),
        ("s3://hush:hush@usage/", UrlError::Secret),
        ("s3://usage?access_key_id=hush", UrlError::Secret),
        ("s3://usage?AWS_SECRET_ACCESS_KEY=hush", UrlError::Secret),
        ("s3://usage?session_token=hush", UrlError::Secret),
        ("s3://usage?endpoint=https://hush:hush@host", UrlError::Secret),
        ("s3://us/", UrlError::Bucket),
        ("s3://Usage/", UrlError::Bucket),
        ("s3://us_age/", UrlError::Bucket),
        ("s3://-usage/", UrlError::Bucket),
        ("s3://usage--euc1-az1--x-s3", UrlError::DirectoryBucket),
        ("s3://usage/a//b", UrlError::Prefix),
        ("s3://usage/.hush", UrlError::Prefix),
        ("s3://usage/a%20b", UrlError::Prefix),
        ("s3://usage?hush=1", UrlError::Unknown),
        ("s3://usage?sse=s3&sse=kms", UrlError::Twice("sse")),
        ("s3://usage?region=", UrlError::Value("region", "there")),
        ("s3://usage?region=hush/", UrlError::Value("region", "a region")),
        ("s3://usage?path_style=hush", UrlError::Value("path_style", "true or false")),
        ("s3://usage?sse=hush", UrlError::Value("sse", "s3 or kms")),
        ("s3://usage?sse=s3&kms_key_id=hush", UrlError::Value("sse", "kms, as a kms_key_id needs")),
        ("s3://usage?kms_key_id=hush", UrlError::Value("sse", "kms, as a kms_key_id needs")),
        ("s3://usage?owner=hush", UrlError::Value("owner", "an account of 12 digits")),
        ("s3://usage?endpoint=hush", UrlError::Value("endpoint", "http(s)://HOST:PORT")),
        ("s3://usage?endpoint=https://h/hush", UrlError::Value("endpoint", "http(s)://HOST:PORT")),
        ("s3://usage?endpoint=ftp://hush", UrlError::Value("endpoint", "http(s)://HOST:PORT")),
        ("s3://usage?endpoint=http://hush:9000", UrlError::Plain),
    ] {
        let error = S3Location::parse(text).expect_err(text);
        assert_eq!(error, expected, "{text}");
        assert!(!error.to_string().contains("hush"), "{error}");
        assert!(S3Location::is_meant(text));
    }
    for text in ["", "s3", "file:s3:", "/s3:/x", "§§"] {
        assert!(!S3Location::is_meant(text), "{text}");
    }
}

#[test]
fn keys_are_under_the_prefix_and_no_longer_than_s3_takes() {
    let (alone, among) = (parsed("s3://usage"), parsed("s3://usage/eu/one"));
    assert_eq!(alone.name_of("a/b").unwrap(), "a/b");
    assert_eq!(among.name_of("a/b").unwrap(), "eu/one/a/b");
    for (location, name, key) in [
        (&alone, "a/b", Some("a/b")),
        (&among, "eu/one/a/b", Some("a/b")),
        (&among, "eu/onea/b", None),
        (&among, "eu/one/", None),
        (&among, "eu/one/.atoll-objects", None),
    ] {
        assert_eq!(location.key_of(name), key, "{name}");
    }
    let long = "x".repeat(key::LONGEST - "eu/one/".len());
    assert!(among.name_of(&long).is_ok());
    assert!(matches!(among.name_of(&format!("{long}x")), Err(ObjectStoreError::InvalidKey(_))));
    assert!(among.name_of("../x").is_err());
}
