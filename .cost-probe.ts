import * as torch from "/work/main/src/index.ts";
const { nn, optim, lens } = torch;
function bench(make:()=>()=>void, n:number){ 
  const step=make(); const on:number[]=[], off:number[]=[];
  for(let i=0;i<60;i++) step();
  for(let i=0;i<n;i++){ 
    lens.enable(i%2===0);
    step();
    const t=performance.now(); for(let k=0;k<5;k++) step(); const d=(performance.now()-t)/5;
    (i%2===0?on:off).push(d);
  }
  const med=(a:number[])=>a.sort((x,y)=>x-y)[a.length>>1]!;
  const q=(a:number[])=>a.sort((x,y)=>x-y)[a.length>>2]!;
  return [med(on),med(off),med(on)/med(off),q(on)/q(off)];
}
const mlp=()=>{const m=new nn.Sequential(new nn.Linear(784,512),new nn.ReLU(),new nn.Linear(512,256),new nn.ReLU(),new nn.Linear(256,10));
 const o=new optim.SGD(m.parameters(),{lr:0.01,momentum:0.9}); const c=new nn.CrossEntropyLoss(); const x=torch.randn(64,784); const y=torch.randint(0,10,[64]);
 return ()=>{o.zeroGrad(); c(m(x),y).backward(); o.step();};};
const seed=()=>{const m=new nn.Sequential(new nn.Linear(10,4),new nn.Sigmoid()); const o=new optim.Adam(m.parameters()); const c=new nn.BCELoss(); const x=torch.randn(8,10); const y=torch.rand(8,4);
 return ()=>{o.zeroGrad(); c(m(x),y).backward(); o.step();};};

lens.enable(process.argv[2]==="on");
for (const [name,make,n] of [["seed",seed,30000],["mlp",mlp,120]] as const){ const s=make(); for(let i=0;i<n/4;i++) s(); const ts:number[]=[]; for(let i=0;i<n;i++){const t=performance.now(); s(); ts.push(performance.now()-t);} ts.sort((a,b)=>a-b); console.log(process.argv[2],name,"q10",ts[ts.length/10|0]!.toFixed(4),"q25",ts[ts.length>>2]!.toFixed(4),"q50",ts[ts.length>>1]!.toFixed(4)); }
