use super::*;

fn base() -> serde_json::Value {
    serde_json::json!({
        "node": "node_01", "epoch": 1, "journal_dir": "j", "version": "0", "listen_fds": [3],
        "pepper": "00".repeat(32), "node_api": "127.0.0.1:1", "node_token": "t", "control": null,
    })
}

#[test]
fn a_bad_value_is_refused_by_name() {
    let cases = [
        ("listen_fds", serde_json::json!([]), "listen_fds"),
        ("pepper", serde_json::json!("zz"), "pepper"),
        ("node_api", serde_json::json!("nowhere"), "node_api"),
        ("control", serde_json::json!("x"), "control"),
        ("trusted_proxies", serde_json::json!(["10.0.0.0/8", "proxy.local"]), "trusted_proxies: 'proxy.local'"),
        ("surprise", serde_json::json!(1), "surprise"),
        ("settings", serde_json::json!({"head_bytes_max": 1 << 20}), "head_bytes_max"),
    ];
    assert!(Config::parse(base().to_string().as_bytes()).is_ok());
    for (field, value, named) in cases {
        let mut config = base();
        config[field] = value;
        let error = Config::parse(config.to_string().as_bytes()).unwrap_err();
        assert!(error.contains(named), "{field}: {error}");
    }
}

#[test]
fn a_secret_does_not_print() {
    let config = Config::parse(base().to_string().as_bytes()).unwrap();
    assert!(format!("{config:?}").contains("Secret(…)"));
}
