//! `GET /v1/models` and `/v1/models/{id}`: what the caller's key may call, and nothing else.

use crate::connection::{Connection, Next};
use crate::endpoint::authorise;
use crate::exchange::{Exchange, number_line, text_line};
use std::sync::Arc;
use tollway_policy::refusal::{Code, Refusal};
use tollway_policy::snapshot::{Model, ModelKind};
use tollway_wire::head::RequestHead;
use tollway_wire::models::{self, Entry};

pub(crate) async fn list(c: &mut Connection, head: &RequestHead, exchange: &mut Exchange) -> Next {
    let snapshot = c.shard.node.snapshot.load_full();
    let caller = match authorise(c, &snapshot, head) {
        Ok(caller) => caller,
        Err(refusal) => return c.refuse(exchange, &refusal).await,
    };
    let mut body = Vec::new();
    let multiplier = caller.multiplier_micro();
    models::list(&mut body, caller.models().map(|model| entry(model, multiplier)));
    send(c, exchange, &body).await
}

pub(crate) async fn one(c: &mut Connection, head: &RequestHead, exchange: &mut Exchange, id: &[u8]) -> Next {
    let snapshot = c.shard.node.snapshot.load_full();
    let caller = match authorise(c, &snapshot, head) {
        Ok(caller) => caller,
        Err(refusal) => return c.refuse(exchange, &refusal).await,
    };
    let Some(model) = caller.models().find(|model| model.name.as_bytes() == id) else {
        let name: String = String::from_utf8_lossy(id).chars().take(100).collect();
        let message =
            format!("The model '{name}' does not exist or this key may not call it. GET /v1/models lists what it may.");
        let refusal = Refusal { param: Some("model"), ..Refusal::new(Code::ModelNotFound, message) };
        return c.refuse(exchange, &refusal).await;
    };
    let mut body = Vec::new();
    models::one(&mut body, &entry(model, caller.multiplier_micro()));
    send(c, exchange, &body).await
}

fn entry(model: &Arc<Model>, multiplier_micro: u64) -> Entry<'_, Box<str>> {
    Entry {
        id: &model.name,
        created: model.created_s,
        owned_by: &model.owned_by,
        context_length: model.context,
        input_modalities: &model.input_modalities,
        output_modalities: &model.output_modalities,
        price: model.price.as_deref().filter(|_| !model.free),
        multiplier_micro,
        supported_parameters: match model.kind {
            ModelKind::Chat => models::CHAT_PARAMETERS,
            ModelKind::Completion => models::COMPLETION_PARAMETERS,
            ModelKind::Embedding => models::EMBEDDING_PARAMETERS,
            ModelKind::Image => models::IMAGE_PARAMETERS,
            ModelKind::Audio | ModelKind::Rerank | ModelKind::Moderation => &[],
        },
    }
}

async fn send(c: &mut Connection, exchange: &Exchange, body: &[u8]) -> Next {
    let mut out = c.shard.buffers.small();
    out.extend_from_slice(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n");
    text_line(&mut out, "x-request-id", exchange.id_text.as_bytes());
    out.extend_from_slice(&exchange.extra);
    number_line(&mut out, "content-length", body.len() as u64);
    c.finish(exchange, out, body).await
}
