// SPDX-License-Identifier: MIT
// link - what ringstack/link exports: joining two endpoints, and making some

export { connect } from './connect.ts';

export { FrameEndpoint } from './endpoint.ts';
export type * from './endpoint_types.ts';
export { plugEndpoint } from './plugs.ts';
export type * from './types.ts';
export type { EndpointLanes, FrameLane } from './wrap.ts';
export { wrapEndpoint } from './wrap.ts';
