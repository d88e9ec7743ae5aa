//! GetRateCard.

use atoll_api::call::{CallContext, Status};
use atoll_internal_api::billing::v1 as pb;

use super::{Service, message, parse};
use crate::access::authorize;

/// The version of a card that prices a month. Prices are public to every known caller.
pub(super) fn get_rate_card(
    service: &Service,
    ctx: &CallContext,
    request: &pb::GetRateCardRequest,
) -> Result<pb::GetRateCardResponse, Status> {
    authorize(ctx, "")?;
    parse::present("rate_card_id", &request.rate_card_id)?;
    let month = parse::month(&request.month)?;
    let card = service
        .activities
        .catalog
        .in_force(&request.rate_card_id, month)
        .map_err(|error| Status::not_found(error.to_string()))?;
    Ok(pb::GetRateCardResponse { rate_card: Some(message::rate_card(card)) })
}
