// SPDX-License-Identifier: MIT
// link - ringstack/link: joins two endpoints, and makes endpoints of drivers, filters and streams

export { connect } from './connect.ts';

export { FrameEndpoint } from './endpoint.ts';
export type * from './endpoint_types.ts';
export { plugEndpoint } from './plugs.ts';
export { createSwitch } from './switch.ts';
export type * from './switch_types.ts';
export type * from './types.ts';
export type { EndpointLanes, FrameLane } from './wrap.ts';
export { wrapEndpoint } from './wrap.ts';
